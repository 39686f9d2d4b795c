"""A file that comes in pieces is an original in the end, or nothing at all."""

import hashlib
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import LimitExceeded, UnreadableAudio
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.receiving import receiving, store_received


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.ensure()
    return layout


def files(layout: Layout) -> list[Path]:
    return [path for path in layout.originals.rglob("*") if path.is_file()]


def test_the_pieces_are_one_file_known_by_its_hash(layout: Layout) -> None:
    with receiving(layout, 100) as incoming:
        for piece in (b"one", bytearray(b" two"), b""):
            incoming.write(piece)
        stored = store_received(incoming, layout, name="a.wav", known=lambda _: None)
    assert (stored.sha256, stored.size_bytes, stored.name) == (hashlib.sha256(b"one two").hexdigest(), 7, "a.wav")
    assert files(layout) == [layout.source_of(stored)]
    assert layout.source_of(stored).read_bytes() == b"one two"


def test_bytes_that_are_known_are_not_stored_twice(layout: Layout) -> None:
    with receiving(layout, 100) as incoming:
        incoming.write(b"same")
        first = store_received(incoming, layout, name="a.wav", known=lambda _: None)
    with receiving(layout, 100) as incoming:
        incoming.write(b"same")
        assert store_received(incoming, layout, name="b.mp3", known=lambda _: first) is first
    assert len(files(layout)) == 1


def test_a_known_recording_that_lost_its_original_has_it_again(layout: Layout) -> None:
    with receiving(layout, 100) as incoming:
        incoming.write(b"same")
        first = store_received(incoming, layout, name="a.wav", known=lambda _: None)
    layout.source_of(first).unlink()
    with receiving(layout, 100) as incoming:
        incoming.write(b"same")
        assert store_received(incoming, layout, name="a.wav", known=lambda _: first) == first
    assert layout.source_of(first).read_bytes() == b"same"


def test_too_much_is_refused_at_the_byte_that_is_too_much(layout: Layout) -> None:
    with receiving(layout, 5) as incoming:
        incoming.write(b"12345")
        with pytest.raises(LimitExceeded, match="at most 5 bytes"):
            incoming.write(b"6")
    assert files(layout) == []


def test_nothing_is_no_file(layout: Layout) -> None:
    with receiving(layout, 5) as incoming, pytest.raises(UnreadableAudio, match="an empty file"):
        incoming.complete()
    assert files(layout) == []
