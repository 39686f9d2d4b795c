"""Source files, copied once."""

import errno
import hashlib
import os
import socket
from pathlib import Path
from typing import BinaryIO

import pytest

from asr_pipeline.domain.errors import LimitExceeded, SettingInvalid, TransientFailure, UnreadableAudio
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage import originals
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.originals import link_original, original_in_place, store_original

BYTES = b"RIFF" + bytes(range(256)) * 9_000  # more than two chunks


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


def _stored_files(layout: Layout) -> list[Path]:
    return sorted(path for path in layout.originals.rglob("*") if path.is_file())


def test_the_bytes_are_copied_and_known_by_their_hash(tmp_path: Path, layout: Layout) -> None:
    source = tmp_path / "Board Meeting.WAV"
    source.write_bytes(BYTES)
    recording = store_original(source, layout)
    sha256 = hashlib.sha256(BYTES).hexdigest()
    assert recording == Recording(
        recording_id=f"board-meeting-{sha256[:12]}",
        sha256=sha256,
        size_bytes=len(BYTES),
        name="Board Meeting.WAV",
        source=f"originals/{sha256[:2]}/{sha256}.wav",
    )
    assert layout.source_of(recording).read_bytes() == BYTES
    assert source.read_bytes() == BYTES


def test_the_same_bytes_are_stored_once(tmp_path: Path, layout: Layout) -> None:
    for name in ("a.wav", "b.wave", "c"):
        (tmp_path / name).write_bytes(BYTES)
    first = store_original(tmp_path / "a.wav", layout)
    inode = layout.source_of(first).stat().st_ino
    assert {store_original(tmp_path / name, layout).source for name in ("a.wav", "b.wave", "c")} == {first.source}
    assert [path.stat().st_ino for path in _stored_files(layout)] == [inode]


def test_known_bytes_give_the_registered_recording(tmp_path: Path, layout: Layout) -> None:
    (tmp_path / "a.wav").write_bytes(BYTES)
    (tmp_path / "b.wav").write_bytes(BYTES)
    first = store_original(tmp_path / "a.wav", layout)
    again = store_original(tmp_path / "b.wav", layout, known={first.sha256: first}.get)
    assert again == first


def test_a_stored_file_of_another_size_is_replaced(tmp_path: Path, layout: Layout) -> None:
    (tmp_path / "a.wav").write_bytes(BYTES)
    stored = layout.source_of(store_original(tmp_path / "a.wav", layout))
    stored.write_bytes(BYTES[:100])
    store_original(tmp_path / "a.wav", layout)
    assert stored.read_bytes() == BYTES


@pytest.mark.parametrize(
    "name",
    [b"two\nlines.wav", b'it\'s "quoted" $(x).wav', "🎧 سلام دنیا.mp3".encode(), b"x" * 251 + b".wav", b"caf\xe9.wav"],
)
def test_any_name(tmp_path: Path, layout: Layout, name: bytes) -> None:
    source = tmp_path / os.fsdecode(name)
    source.write_bytes(BYTES)
    recording = store_original(source, layout)
    assert os.fsencode(recording.name) == name
    assert layout.source_of(recording).read_bytes() == BYTES


def test_a_link_to_a_file_is_followed(tmp_path: Path, layout: Layout) -> None:
    (tmp_path / "a.wav").write_bytes(BYTES)
    (tmp_path / "link.wav").symlink_to("a.wav")
    stored = layout.source_of(store_original(tmp_path / "link.wav", layout))
    assert not stored.is_symlink()
    assert stored.read_bytes() == BYTES


def _make_bad(folder: Path, kind: str) -> Path:
    path = folder / "bad.wav"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "broken link":
        path.symlink_to("nowhere.wav")
    elif kind == "loop":
        path.symlink_to("bad.wav")
    elif kind == "empty":
        path.touch()
    elif kind == "nul":
        path = folder / "a\x00b.wav"
    return path


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("pipe", "a named pipe"),
        ("folder", "a folder"),
        ("broken link", r"a link to nowhere\.wav"),
        ("loop", "symbolic links"),
        ("empty", "an empty file"),
        ("missing", "No such file"),
        ("nul", "null"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path: Path, layout: Layout, kind: str, found: str) -> None:
    path = _make_bad(tmp_path, kind)
    with pytest.raises(UnreadableAudio, match=found) as caught:
        store_original(path, layout)
    assert caught.value.subject == str(path)
    assert caught.value.remedy
    assert _stored_files(layout) == []


def test_devices_and_sockets_are_refused(tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableAudio, match="a device"):
        store_original(Path(os.devnull), layout)
    monkeypatch.chdir(tmp_path)  # a socket's address is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s.wav")
        with pytest.raises(UnreadableAudio, match="a socket"):
            store_original(tmp_path / "s.wav", layout)


def test_a_file_without_permission(tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: object) -> int:  # root, who may run this, may read everything
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    (tmp_path / "a.wav").write_bytes(BYTES)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UnreadableAudio, match="Permission denied"):
        store_original(tmp_path / "a.wav", layout)


def test_a_disk_that_fails_is_tried_again(tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    (tmp_path / "a.wav").write_bytes(BYTES)
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(TransientFailure, match="disk that answers"):
        store_original(tmp_path / "a.wav", layout)


def test_a_too_large_file_is_not_copied(tmp_path: Path, layout: Layout) -> None:
    with (tmp_path / "a.wav").open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(LimitExceeded, match="1,000 bytes"):
        store_original(tmp_path / "a.wav", layout, max_bytes=1_000)


@pytest.mark.fault
@pytest.mark.parametrize("change", ["grow", "shrink", "touch"])
def test_a_file_that_changes_meanwhile(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(BYTES)
    read = originals._read

    def read_then_change(path: Path, file: BinaryIO, view: memoryview) -> int:
        count = read(path, file, view)
        if change == "grow":
            with source.open("ab") as more:
                more.write(bytes(1 << 20))
        elif change == "shrink":
            os.truncate(source, 10)
        else:
            os.utime(source, ns=(0, 0))
        return count

    monkeypatch.setattr(originals, "_read", read_then_change)
    with pytest.raises(TransientFailure, match="changed while it was read"):
        store_original(source, layout)
    assert _stored_files(layout) == []


def test_a_link_shares_the_bytes_and_is_known_by_their_hash(tmp_path: Path, layout: Layout) -> None:
    source, alias = tmp_path / "a talk.wav", tmp_path / "alias.wav"
    source.write_bytes(BYTES)
    alias.symlink_to(source)
    recording = link_original(alias, layout)
    assert recording.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert recording.name == "alias.wav"
    assert layout.source_of(recording).samefile(source)
    assert not layout.source_of(recording).is_symlink()
    again = link_original(source, layout)
    assert again.source == recording.source
    assert len(_stored_files(layout)) == 1


def test_a_link_that_is_not_possible_says_what_to_do(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(BYTES)

    def other_file_system(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", other_file_system)
    with pytest.raises(SettingInvalid, match=r"a\.wav: .*cross-device.*--in-place"):
        link_original(source, layout)
    assert _stored_files(layout) == []


def test_a_file_that_was_replaced_while_it_was_read_is_not_linked(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, other = tmp_path / "a.wav", tmp_path / "b.wav"
    source.write_bytes(BYTES)
    other.write_bytes(b"other")
    stored = originals.stored_original

    def replaced(*arguments: object) -> Path | None:
        other.replace(source)
        return stored(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(originals, "stored_original", replaced)
    with pytest.raises(TransientFailure, match="another file of that name"):
        link_original(source, layout)
    assert _stored_files(layout) == []


def test_in_place_nothing_is_stored_and_the_source_is_absolute(tmp_path: Path, layout: Layout) -> None:
    source = tmp_path / "a.wav"
    source.write_bytes(BYTES)
    recording = original_in_place(source, layout)
    assert recording.source == str(source)
    assert layout.source_of(recording) == source
    assert recording.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert not layout.originals.exists()
    for empty in (tmp_path / "empty.wav", layout.data_dir):
        empty.parent.mkdir(exist_ok=True)
        empty.touch()
        with pytest.raises(UnreadableAudio):
            original_in_place(empty, layout)


def test_bytes_that_are_registered_in_place_are_not_copied(tmp_path: Path, layout: Layout) -> None:
    source, other = tmp_path / "a.wav", tmp_path / "b.wav"
    source.write_bytes(BYTES)
    other.write_bytes(BYTES)
    registered = original_in_place(source, layout)
    known = {registered.sha256: registered}.get
    assert store_original(other, layout, known=known) == registered
    assert link_original(other, layout, known=known) == registered
    assert _stored_files(layout) == []
    source.unlink()  # gone: the bytes are stored, so that they can be found again
    store_original(other, layout, known=known)
    assert len(_stored_files(layout)) == 1
