"""Files below a folder, found while others add and remove some."""

import os
from collections.abc import Iterator
from pathlib import Path

FileEntry = tuple[Path, "os.DirEntry[str]"]


def entries(folder: Path) -> list["os.DirEntry[str]"]:
    """Give a folder's entries in order of name; none where it is not there."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def files_below(folder: Path) -> Iterator[FileEntry]:
    """Give what lies below a folder and is no folder, in order of name. Links are not followed."""
    for entry in entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        else:
            yield Path(entry.path), entry


def size_of(entry: "os.DirEntry[str]") -> int:
    """Give a file's size in bytes; 0 where it is gone by now."""
    try:
        return entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0


def modified_s(entry: "os.DirEntry[str]") -> float | None:
    """Give when a file was written to last, in seconds since 1970; None where it is gone by now."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None
