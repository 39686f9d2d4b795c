"""Files of other people are moved: never over another file, and never one that has changed since it was looked at."""

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.storage.atomic import partial_file, publish, storage_errors

Stamp = tuple[int, int]  # size in bytes, time of change in nanoseconds
LONGEST_NAME_BYTES = 255
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class NotMovable(Exception):
    """A file can't be moved or removed: the folder that it lies in does not allow it, or it is no regular file."""


def move(source: Path, target: Path, stamp: Stamp) -> None:
    """Rename a file, or copy and remove it where `target` is on another device. `target` must be free.

    Raises TransientFailure where the file is not the one that `stamp` tells (it stays, or is put back then),
    NotMovable, StorageFull.
    """
    _require_unchanged(source, stamp)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.rename(target)
    except OSError as error:
        if error.errno == errno.EXDEV:
            _copy_and_remove(source, target, stamp)
            return
        raise _explained(source, error) from error
    if stamp_of(target) != stamp:  # replaced between the look and the renaming
        with _removable(source):
            os.link(target, source, follow_symlinks=False)  # fails where a new one has come: both are kept then
            target.unlink()
        raise changed(source)


def remove(source: Path, stamp: Stamp) -> None:
    """Remove a file. Raises as `move`; one that is gone already is fine."""
    try:
        _require_unchanged(source, stamp)
        with _removable(source):
            source.unlink()
    except FileNotFoundError:
        return


def free_name(folder: Path, name: str, mark: str, same: Path) -> Path | None:
    """Give a free path for a file called `name`, with `mark` before its suffix where the plain one is taken.

    None where the file that has the name, or the marked one, holds the very bytes of `same`: it need not be kept twice.
    """
    number = 0
    while True:
        extra = ("", f".{mark}", *(() if number < 2 else (f".{mark}.{number}",)))[min(number, 2)]  # noqa: PLR2004
        path = folder / marked(name, extra)
        if not os.path.lexists(path):
            return path
        if _same_bytes(path, same):
            return None
        number += 1


def marked(name: str, extra: str) -> str:
    """Put `extra` before a name's suffix, and keep to the length that file systems allow."""
    plain = Path(name)
    suffix = plain.suffix if len(os.fsencode(plain.suffix)) <= 16 else ""  # noqa: PLR2004 - longer is no suffix
    stem = os.fsencode(name.removesuffix(suffix))
    room = LONGEST_NAME_BYTES - len(os.fsencode(extra + suffix))
    return os.fsdecode(_whole_characters(stem, room)) + extra + suffix


def _whole_characters(text: bytes, room: int) -> bytes:
    """Cut UTF-8 so that no character is cut in two; what is not UTF-8 is cut anywhere."""
    if len(text) <= room:
        return text
    cut = room
    while cut > room - 4 and (text[cut] & 0xC0) == 0x80:  # noqa: PLR2004 - continuation bytes
        cut -= 1
    return text[:cut]


def _same_bytes(path: Path, other: Path) -> bool:
    there = path.lstat()
    if not stat.S_ISREG(there.st_mode) or there.st_size != other.stat().st_size:
        return False
    return _hash(path) == _hash(other)


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _copy_and_remove(source: Path, target: Path, stamp: Stamp) -> None:
    """Move to another device: copied, synced and compared before the source goes."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif not source.is_file():
        raise NotMovable(f"{source}: not a regular file, and on another device")
    else:
        try:
            with partial_file(target.parent) as partial, storage_errors(target.parent):
                shutil.copyfile(source, partial)
                shutil.copystat(source, partial)
                if _hash(partial) != _hash(source):
                    raise changed(source)
                publish(partial, target)
        except PermissionError as error:
            raise NotMovable(str(error)) from error
    try:
        remove(source, stamp)
    except (NotMovable, TransientFailure):
        target.unlink()  # it stays where it was, so it is not kept twice
        raise


def _require_unchanged(source: Path, stamp: Stamp) -> None:
    if stamp_of(source) != stamp:
        raise changed(source)


def stamp_of(path: Path) -> Stamp:
    """Give what a file is known by when it is moved; of a link, its own."""
    there = path.lstat()
    return there.st_size, there.st_mtime_ns


def changed(source: Path) -> TransientFailure:
    """Say that a file is not the one that was looked at."""
    return TransientFailure(
        str(source),
        expected="the file that was read",
        found="another one, or one that was written to since",
        remedy="It is left where it is, and looked at again.",
    )


@contextmanager
def _removable(source: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _explained(source, error) from error


def _explained(source: Path, error: OSError) -> Exception:
    """Say what an error of renaming or removing means."""
    if error.errno in _NOT_ALLOWED:
        return NotMovable(f"{source.parent}: {error.strerror}")
    return TransientFailure(
        str(source),
        expected="a file that can be moved",
        found=error.strerror or str(error),
        remedy="Check the disk or the network share that holds it; it is tried again.",
    )
