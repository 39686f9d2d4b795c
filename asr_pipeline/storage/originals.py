"""A source file's bytes, copied into the data folder once and known by their hash."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asr_pipeline.domain.errors import LimitExceeded, TransientFailure, UnreadableAudio
from asr_pipeline.domain.recording import Recording, recording_id
from asr_pipeline.storage.atomic import partial_file, publish
from asr_pipeline.storage.layout import Layout

COPY_CHUNK_BYTES = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_AWAY = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EMFILE})


def store_original(
    source: Path,
    layout: Layout,
    *,
    name: str | None = None,
    max_bytes: int | None = None,
    known: Callable[[str], Recording | None] | None = None,
) -> Recording:
    """Copy a source file into `layout.originals` in one pass that also hashes it; safe on disk when this returns.

    `name` is the name it came with, the file's own if None. `known` (a store's `find_by_sha256`) tells whether these
    bytes are a registered recording: that one is given back, whatever it was called. Bytes that are stored already
    are not stored again.
    Raises UnreadableAudio (not a regular file, no permission, empty, broken link), LimitExceeded (more than
    `max_bytes`), TransientFailure (changed while it was read, or its disk is away), StorageFull.
    """
    name = source.name if name is None else name
    with _readable(source) as file, partial_file(layout.originals) as partial:
        size_bytes = _size_of(source, file, max_bytes)
        sha256 = _copy_and_hash(source, file, partial)
        path = _stored(layout, sha256, size_bytes)
        if path is None:
            path = layout.original_of(sha256, name)
            publish(partial, path)
    registered = known(sha256) if known else None
    return registered or Recording(
        recording_id=recording_id(name, sha256),
        sha256=sha256,
        size_bytes=size_bytes,
        name=name,
        source=layout.relative(path),
    )


@contextmanager
def _readable(source: Path) -> Iterator[BinaryIO]:
    """Open a regular file. Looks before it opens, so that a pipe can't block nor a device be set off."""
    try:
        kind = stat.S_IFMT(source.stat().st_mode)
        if kind == stat.S_IFREG:
            # Non-blocking: what was a file a moment ago may be a pipe by now.
            handle = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            kind = stat.S_IFMT(os.fstat(handle).st_mode)
        else:
            handle = None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise _unopened(source, error) from error
    if handle is None:
        raise _not_a_file(source, kind)
    with open(handle, "rb", buffering=0) as file:  # noqa: PTH123 - a handle, not a path
        if kind != stat.S_IFREG:
            raise _not_a_file(source, kind)
        yield file


def _unopened(source: Path, error: OSError | ValueError) -> UnreadableAudio | TransientFailure:
    """Say why a file can't be opened."""
    if isinstance(error, OSError) and error.errno in _AWAY:
        return _away(source, error)
    found = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    if isinstance(error, FileNotFoundError) and source.is_symlink():
        found = f"a link to {os.readlink(source)}, which does not exist"  # noqa: PTH115 - text, not a path
    return UnreadableAudio(
        str(source),
        expected="a file that can be read",
        found=found,
        remedy="Check the path and its permissions, then add the file again.",
    )


def _not_a_file(source: Path, kind: int) -> UnreadableAudio:
    return UnreadableAudio(
        str(source),
        expected="a regular file",
        found=_KINDS.get(kind, "something else"),
        remedy="Give the audio file itself.",
    )


def _away(source: Path, error: OSError) -> TransientFailure:
    return TransientFailure(
        str(source),
        expected="a disk that answers",
        found=error.strerror or str(error),
        remedy="Check the disk or the network share that holds the file; it is tried again.",
    )


def _size_of(source: Path, file: BinaryIO, max_bytes: int | None) -> int:
    """Give a file's size; an empty or too large one is refused before a byte is copied."""
    size_bytes = os.fstat(file.fileno()).st_size
    if size_bytes == 0:
        raise UnreadableAudio(
            str(source), expected="audio", found="an empty file", remedy="Copy the file again from where it was made."
        )
    if max_bytes is not None and size_bytes > max_bytes:
        raise LimitExceeded(
            str(source),
            expected=f"at most {max_bytes:,} bytes",
            found=f"{size_bytes:,} bytes",
            remedy="Cut it into parts, or raise the limit on the size of a file.",
        )
    return size_bytes


def _copy_and_hash(source: Path, file: BinaryIO, partial: Path) -> str:
    """Copy all bytes, and give their SHA-256. A file that changes meanwhile is a TransientFailure."""
    before = os.fstat(file.fileno())
    digest = hashlib.sha256()
    chunk = bytearray(COPY_CHUNK_BYTES)
    view = memoryview(chunk)
    copied = 0
    with partial.open("xb") as copy:
        while (count := _read(source, file, view)) and copied <= before.st_size:
            digest.update(view[:count])
            copy.write(view[:count])
            copied += count
    after = os.fstat(file.fileno())
    if (copied, after.st_size, after.st_mtime_ns) != (before.st_size, before.st_size, before.st_mtime_ns):
        raise TransientFailure(
            str(source),
            expected="a file that nobody writes to",
            found=f"one that changed while it was read (from {before.st_size:,} to {after.st_size:,} bytes)",
            remedy="It is tried again once whoever writes it is done.",
        )
    return digest.hexdigest()


def _read(source: Path, file: BinaryIO, view: memoryview) -> int:
    """Fill a buffer; an error while reading is the source's disk, never ours."""
    try:
        count = file.readinto(view)  # type: ignore[attr-defined]  # a raw file has it, BinaryIO does not tell
    except OSError as error:
        raise _away(source, error) from error
    return int(count or 0)


def _stored(layout: Layout, sha256: str, size_bytes: int) -> Path | None:
    """Find stored bytes by their hash, whatever suffix they came with. A file of another size is no match."""
    shard = layout.original_of(sha256, "").parent
    if not shard.is_dir():
        return None
    for path in sorted(shard.glob(f"{sha256}*")):
        if path.is_file() and path.stat().st_size == size_bytes:
            return path
    return None
