"""The quarantine folder: files under safe names, reasons that hold any text, recordings as hard links."""

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.originals import store_original
from asr_pipeline.storage.quarantine import QuarantineFolder, refused_id

ODD_NAME = os.fsdecode(b'caf\xe9 "\xd8\xb3\xd9\x84\xd8\xa7\xd9\x85"\n\\.WAV')


def error(subject: str) -> UnreadableAudio:
    return UnreadableAudio(subject, expected="audio", found=f"noise in {subject}", remedy="Record it again.")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.ensure()
    return layout


@pytest.fixture
def folder(layout: Layout) -> QuarantineFolder:
    return QuarantineFolder(layout)


@pytest.fixture
def refused(layout: Layout) -> FoundFile:
    path = layout.inbox / ODD_NAME
    path.write_bytes(b"noise")
    there = path.stat()
    return FoundFile(path, ODD_NAME, there.st_size, there.st_mtime_ns, there.st_ctime)


@pytest.fixture
def recording(layout: Layout, tmp_path: Path) -> Recording:
    (tmp_path / "call.wav").write_bytes(b"RIFF noise")
    return store_original(tmp_path / "call.wav", layout)


def test_a_refused_file_keeps_its_bytes_and_its_reason(folder: QuarantineFolder, refused: FoundFile) -> None:
    assert folder.put(refused, error(ODD_NAME), may_move=True) is None
    entry_id = refused_id(*refused.look)
    assert folder.ids() == [entry_id]
    file = folder.file_of(entry_id)
    assert file is not None
    assert (file.name, file.read_bytes()) == (f"{entry_id}.wav", b"noise")
    reason = folder.reason(entry_id)
    assert reason is not None
    assert (reason.name, reason.path, reason.file) == (ODD_NAME, str(refused.path), file.name)
    assert (reason.kind, reason.found, reason.message) == (
        "UnreadableAudio",
        f"noise in {ODD_NAME}",
        str(error(ODD_NAME)),
    )
    assert (reason.size_bytes, reason.mtime_ns) == (refused.size_bytes, refused.mtime_ns)
    assert reason.when.endswith("+00:00")
    as_json = json.loads((folder.folder / f"{entry_id}.reason.json").read_text(encoding="utf-8"))
    assert as_json["name"] == 'caf\\xe9 "سلام"\n\\\\.WAV'
    folder.remove(entry_id)
    assert list(folder.folder.iterdir()) == []
    assert folder.reason(entry_id) is None


def test_a_file_that_may_not_be_moved_is_noted_where_it_is(folder: QuarantineFolder, refused: FoundFile) -> None:
    assert "left where they are" in (folder.put(refused, error("x"), may_move=False) or "")
    entry_id = refused_id(*refused.look)
    assert refused.path.exists()
    assert folder.file_of(entry_id) is None
    reason = folder.reason(entry_id)
    assert reason is not None
    assert reason.file is None
    folder.forget(*refused.look)
    assert folder.ids() == []


@pytest.mark.fault
def test_a_file_that_can_not_be_moved_is_noted_with_why(
    folder: QuarantineFolder, refused: FoundFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, _target: Path) -> Path:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(source))

    monkeypatch.setattr(Path, "rename", refuse)
    assert "Permission denied" in (folder.put(refused, error("x"), may_move=True) or "")
    assert refused.path.exists()
    assert folder.has(refused_id(*refused.look))


def test_nothing_is_written_over(folder: QuarantineFolder, refused: FoundFile) -> None:
    folder.put(refused, error("x"), may_move=True)
    refused.path.write_bytes(b"other")
    os.utime(refused.path, ns=(refused.mtime_ns, refused.mtime_ns))  # the same path, size and time, other bytes
    folder.put(refused, error("x"), may_move=True)
    contents = {path.read_bytes() for path in folder.folder.iterdir() if path.suffix != ".json"}
    assert contents == {b"noise", b"other"}
    folder.remove(refused_id(*refused.look))
    assert list(folder.folder.iterdir()) == []


def test_a_recording_is_a_hard_link_to_its_original(
    folder: QuarantineFolder, layout: Layout, recording: Recording
) -> None:
    for _ in range(2):  # done again after a crash, it is the same
        folder.keep_recording(recording, error("call.wav"))
    file = folder.file_of(recording.recording_id)
    assert file is not None
    assert file.samefile(layout.source_of(recording))
    assert sorted(path.name for path in folder.folder.iterdir()) == [
        f"{recording.recording_id}.reason.json",
        f"{recording.recording_id}.wav",
    ]
    reason = folder.reason(recording.recording_id)
    assert reason is not None
    assert (reason.sha256, reason.recording_id) == (recording.sha256, recording.recording_id)
    folder.remove(recording.recording_id)
    assert layout.source_of(recording).read_bytes() == b"RIFF noise"


@pytest.mark.fault
def test_without_hard_links_it_is_a_copy(
    folder: QuarantineFolder, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(source), None, str(target))

    monkeypatch.setattr(os, "link", refuse)
    folder.keep_recording(recording, error("call.wav"))
    file = folder.file_of(recording.recording_id)
    assert file is not None
    assert file.read_bytes() == b"RIFF noise"
    assert file.stat().st_nlink == 1


def test_an_original_elsewhere_or_gone_is_named_only(
    folder: QuarantineFolder, recording: Recording, tmp_path: Path
) -> None:
    for source in (str(tmp_path / "call.wav"), "originals/00/gone.wav"):
        folder.keep_recording(replace(recording, source=source), error("call.wav"))
        reason = folder.reason(recording.recording_id)
        assert reason is not None
        assert reason.file is None
        assert reason.path.endswith(source)
    assert folder.file_of(recording.recording_id) is None


def test_a_reason_that_is_no_reason_is_none(folder: QuarantineFolder) -> None:
    (folder.folder / "a-0.reason.json").write_text("{}")
    (folder.folder / "b-0.reason.json").write_text("no json")
    assert folder.ids() == ["a-0", "b-0"]
    assert folder.reason("a-0") is None
    assert folder.reason("b-0") is None
