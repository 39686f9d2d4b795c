"""Marks of engine calls, and what a dead process leaves unfinished."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import StorageFull
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX, is_left_behind, partial_name, place
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.marks import Marks, sweep_marked
from asr_pipeline.storage.sweep import sweep_folder

ID = "call-0123456789ab"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.ensure()
    return layout


@pytest.fixture(scope="module")
def dead_name() -> str:
    """Give the name of a partial file of a process that has ended."""
    code = "from asr_pipeline.domain.unfinished import partial_name; print(partial_name('.flac'))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    ).stdout.strip()


def test_what_ended_is_no_suspect(layout: Layout) -> None:
    marks = Marks(layout, ID)
    marks.began("transcripts-1")
    marks.ended("transcripts-1")
    marks.ended("transcripts-1")
    assert not Marks(layout, ID).is_suspect("transcripts-1")


def test_after_a_crash_what_was_running_is_suspect_and_after_two_all_is(layout: Layout) -> None:
    Marks(layout, ID).began("transcripts-1")
    Marks(layout, f"{ID[:-1]}c").began("raw_audio")
    second = Marks(layout, ID)
    assert second.is_suspect("transcripts-1")
    assert not second.is_suspect("raw_audio")
    second.ended("transcripts-1")
    second.began("transcripts-5")
    third = Marks(layout, ID)
    assert all(third.is_suspect(call) for call in ("transcripts-5", "transcripts-1", "raw_audio", "subtitles"))
    third.clear()
    assert not Marks(layout, ID).is_suspect("transcripts-5")
    assert [mark.name for mark in layout.in_flight.iterdir()] == [f"{ID[:-1]}c~raw_audio"]


def test_a_crash_between_calls_raises_no_suspicion(layout: Layout) -> None:
    Marks(layout, ID).began("transcripts-1")
    second = Marks(layout, ID)
    second.ended("transcripts-1")
    third = Marks(layout, ID)
    assert not any(third.is_suspect(call) for call in ("transcripts-1", "raw_audio"))


def test_what_was_condemned_is_suspect_until_it_has_passed(layout: Layout) -> None:
    marks = Marks(layout, ID)
    marks.condemn("transcripts-1")
    marks.clear()
    again = Marks(layout, ID)
    assert again.is_suspect("transcripts-1")
    assert again.is_suspect("raw_audio")
    again.clear()
    assert not Marks(layout, ID).is_suspect("transcripts-1")


def test_a_full_disk_is_told_as_such(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = Marks(layout, ID)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.open", full)
    with pytest.raises(StorageFull):
        marks.began("transcripts-1")


def test_a_name_tells_whether_its_writer_is_dead(dead_name: str) -> None:
    assert dead_name.startswith(PARTIAL_PREFIX)
    assert dead_name.endswith(".flac")
    assert is_left_behind(dead_name) is True
    assert is_left_behind(partial_name()) is False
    assert is_left_behind(f"{PARTIAL_PREFIX}{place()}") is None
    assert is_left_behind(f"{PARTIAL_PREFIX}00000000-1-abc") is None
    assert is_left_behind(f"{PARTIAL_PREFIX}{place()}-../..-abc") is None


def test_only_what_a_dead_process_left_is_removed(tmp_path: Path, dead_name: str) -> None:
    dead, ours = tmp_path / dead_name, tmp_path / partial_name()
    fresh, old = tmp_path / f"{PARTIAL_PREFIX}00000000-7-fresh", tmp_path / f"{PARTIAL_PREFIX}00000000-7-old"
    whole = tmp_path / "call.flac"
    for file in (dead, ours, fresh, old, whole):
        file.touch()
    two_days_ago_s = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago_s, two_days_ago_s))
    assert sorted(sweep_folder(tmp_path)) == sorted([dead, old])
    assert sorted(tmp_path.iterdir()) == sorted([ours, fresh, whole])
    assert sweep_folder(tmp_path / "no such folder") == []


def test_at_a_start_originals_and_what_was_marked_is_swept(layout: Layout, dead_name: str) -> None:
    Marks(layout, ID).began("raw_audio")
    beside_audio, beside_results = layout.audio_of(ID).parent / dead_name, layout.results_of(ID) / dead_name
    original = layout.originals / dead_name
    for file in (beside_audio, beside_results, original):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert sorted(sweep_marked(layout)) == sorted([beside_audio, beside_results, original])
    assert sweep_marked(layout) == []
