"""Which files a folder is searched for."""

import os
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.storage.searching import audio_files, files_below


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = ["b.wav", "a.MP3", "notes.txt", ".hidden.wav", "sub/c d.ogg", "sub/deeper/سلام.flac", ".git/e.wav"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a folder.wav").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.wav").symlink_to("nowhere")
    return tmp_path


def below(folder: Path, pattern: str | None = None) -> list[str]:
    return [str(path.relative_to(folder)) for path in files_below(folder, pattern)]


def test_audio_is_known_by_its_suffix_in_the_order_of_names(folder: Path) -> None:
    assert below(folder) == ["a.MP3", "b.wav", "broken.wav", "sub/c d.ogg", "sub/deeper/سلام.flac"]


def test_a_pattern_takes_names_or_paths_whatever_their_suffix(folder: Path) -> None:
    assert below(folder, "*.txt") == ["notes.txt"]
    assert below(folder, "sub/*") == ["sub/c d.ogg", "sub/deeper/سلام.flac"]
    assert below(folder, "*.WAV") == []


def test_what_is_named_by_itself_is_taken(folder: Path) -> None:
    given = [folder / "notes.txt", folder / "sub", folder / "none"]
    found = [path.name for path in audio_files(given)]
    assert found == ["notes.txt", "c d.ogg", "سلام.flac", "none"]


def test_a_name_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/caf\xe9.wav", os.O_CREAT))
    assert below(tmp_path) == ["caf\udce9.wav"]


def test_a_folder_that_can_not_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refuse(path: Path) -> object:  # permissions would not stop root
        if path.name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UnreadableAudio, match=r"sub: expected a folder that can be read, found Permission denied"):
        list(files_below(folder))
    told: list[UnreadableAudio] = []
    assert len(list(files_below(folder, unsearched=told.append))) == 3
    assert [error.subject for error in told] == [str(folder / "sub")]
