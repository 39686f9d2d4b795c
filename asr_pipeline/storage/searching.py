"""Finding recordings in folders: which files are taken for audio, and a walk that holds one folder in memory."""

import os
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from asr_pipeline.domain.errors import UnreadableAudio

# What a folder is searched for. A file that is named by itself is taken whatever its suffix.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".m4a", ".mp4", ".aac", ".ogg", ".oga", ".opus", ".webm", ".mkv", ".mka", ".wma"}
    | {".aif", ".aiff", ".au", ".caf", ".amr", ".mov", ".3gp"}
)
Unsearched = Callable[[UnreadableAudio], None]


def _stop(error: UnreadableAudio) -> None:
    raise error


def audio_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Give files as they are, and of folders every audio file below. Raises UnreadableAudio as `files_below`."""
    for path in paths:
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path


def files_below(folder: Path, pattern: str | None = None, *, unsearched: Unsearched = _stop) -> Iterator[Path]:
    """Give the audio files below a folder, in order of name.

    Audio by its suffix; or, with `pattern`, whatever name or path below the folder matches it. Hidden files and
    folders are left out, and links to folders are not followed. A folder that can't be read goes to `unsearched`,
    which raises the error if it is not given.
    """
    yield from _below(folder, "", pattern, unsearched)


def _below(folder: Path, inside: str, pattern: str | None, unsearched: Unsearched) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = sorted((e.name, e.is_dir(follow_symlinks=False)) for e in entries if not e.name.startswith("."))
    except OSError as error:
        unsearched(
            UnreadableAudio(
                str(folder),
                expected="a folder that can be read",
                found=error.strerror or str(error),
                remedy="Check its permissions, then give it again.",
            )
        )
        return
    for name, is_folder in found:
        path, below = folder / name, inside + name
        if is_folder:
            yield from _below(path, f"{below}/", pattern, unsearched)
        elif _wanted(name, below, pattern) and not path.is_dir():
            yield path


def _wanted(name: str, below: str, pattern: str | None) -> bool:
    if pattern is None:
        return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES  # noqa: PTH122 - millions of names
    return fnmatchcase(name, pattern) or fnmatchcase(below, pattern)
