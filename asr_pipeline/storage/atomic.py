"""Files appear whole or not at all: written under a hidden name, synced to disk, then renamed.

Whoever looks at a folder sees the old file or the new one, also after `kill -9` or a loss of power. What such an end
leaves behind is a hidden file whose name tells who wrote it (`domain/unfinished.py`); `sweep.py` removes it.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asr_pipeline.domain.errors import SettingInvalid, StorageFull
from asr_pipeline.domain.unfinished import partial_name

_FULL = {
    errno.ENOSPC: "a full disk",
    errno.EDQUOT: "a used-up disk quota",
    errno.EFBIG: "a file that is larger than the system allows",
}
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


@contextmanager
def partial_file(folder: Path, suffix: str = "") -> Iterator[Path]:
    """Give the path of a hidden file to write in `folder`, which is made where it is missing.

    What was not published by the end is removed. Raises StorageFull where there is no room, SettingInvalid where the
    folder can't be written to.
    """
    with storage_errors(folder):
        _make_folder(folder)
        partial = folder / partial_name(suffix)
        try:
            yield partial
        finally:
            partial.unlink(missing_ok=True)


def publish(partial: Path, destination: Path) -> None:
    """Make a partial file, synced to disk, the file at `destination`, replacing what was there."""
    _sync(partial)
    _make_folder(destination.parent)
    partial.replace(destination)
    _sync(destination.parent)


@contextmanager
def atomic_path(destination: Path) -> Iterator[Path]:
    """Give a path to write to; what lies there at the end becomes `destination`. After an error nothing is left.

    The path is in the same folder and has the suffix of `destination`. Errors as `partial_file`.
    """
    with partial_file(destination.parent, destination.suffix[:16]) as partial:
        yield partial
        publish(partial, destination)


@contextmanager
def atomic_write(destination: Path) -> Iterator[BinaryIO]:
    """Give a binary file to write to that becomes `destination`; errors as `atomic_path`."""
    with atomic_path(destination) as partial, partial.open("xb") as file:
        yield file


def write_bytes(destination: Path, data: bytes) -> None:
    """Write bytes to `destination`, whole or not at all."""
    with atomic_write(destination) as file:
        file.write(data)


def write_text(destination: Path, text: str) -> None:
    """Write text to `destination` as UTF-8, line ends unchanged, whole or not at all."""
    write_bytes(destination, text.encode())


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Raise StorageFull where writing in `folder` finds no room, SettingInvalid where it is not allowed."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                str(folder),
                expected="room to write",
                found=_FULL[error.errno],
                remedy="Free some space or raise the limit, then run it again.",
            ) from error
        if error.errno in _REFUSED and _is_within(error.filename, folder):
            raise SettingInvalid(
                str(folder),
                expected="a folder that can be written to",
                found=os.strerror(error.errno or 0),
                remedy="Give the user that runs the program the right to write there, or set another data folder.",
            ) from error
        raise


def _is_within(name: object, folder: Path) -> bool:
    """Tell whether an error's file is where we write, and not a file that the caller reads meanwhile."""
    return isinstance(name, str) and (Path(name).is_relative_to(folder) or folder.is_relative_to(name))


def _make_folder(folder: Path) -> None:
    """Make a folder and its missing parents, each synced into the one above it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    """Have the system write a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
