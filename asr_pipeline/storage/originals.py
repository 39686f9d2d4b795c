"""A source file's bytes, known by their hash: copied into the data folder once, linked there, or left in place."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asr_pipeline.domain.errors import LimitExceeded, SettingInvalid, TransientFailure, UnreadableAudio
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
_CANNOT_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP})


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
        with partial.open("xb") as copy:
            sha256 = _hash(source, file, copy.write)
        registered = known(sha256) if known else None
        if registered and is_there(registered, layout):
            return registered
        path = stored_original(layout, sha256, size_bytes)
        if path is None:
            path = layout.original_of(sha256, name)
            publish(partial, path)
    return registered or Recording(
        recording_id=recording_id(name, sha256),
        sha256=sha256,
        size_bytes=size_bytes,
        name=name,
        source=layout.relative(path),
    )


def link_original(
    source: Path,
    layout: Layout,
    *,
    max_bytes: int | None = None,
    known: Callable[[str], Recording | None] | None = None,
) -> Recording:
    """Give a source file a second name in `layout.originals`, a hard link, once its bytes have been read and hashed.

    No byte is copied: whoever writes into the source from now on writes into the original too.
    Raises as `store_original`, and SettingInvalid where the two can't share a file.
    """
    with _readable(source) as file, partial_file(layout.originals) as partial:
        size_bytes = _size_of(source, file, max_bytes)
        sha256 = _hash(source, file)
        registered = known(sha256) if known else None
        if registered and is_there(registered, layout):
            return registered
        path = stored_original(layout, sha256, size_bytes)
        if path is None:
            path = layout.original_of(sha256, source.name)
            _link(source, partial, layout)
            if not os.path.samestat(partial.stat(), os.fstat(file.fileno())):
                raise _changed(source, "another file of that name")
            publish(partial, path)
    return registered or Recording(
        recording_id(source.name, sha256), sha256, size_bytes, source.name, layout.relative(path)
    )


def original_in_place(source: Path, layout: Layout, *, max_bytes: int | None = None) -> Recording:
    """Hash a source file that stays where it is: the recording's source is its absolute path. Raises as the others."""
    with _readable(source) as file:
        size_bytes = _size_of(source, file, max_bytes)
        sha256 = _hash(source, file)
    return Recording(recording_id(source.name, sha256), sha256, size_bytes, source.name, layout.relative(source))


def is_there(registered: Recording, layout: Layout) -> bool:
    """Tell whether a recording's original lies where it is registered, which may be outside the data folder."""
    path = layout.source_of(registered)
    return path.is_file() and path.stat().st_size == registered.size_bytes


def _link(source: Path, partial: Path, layout: Layout) -> None:
    try:
        partial.hardlink_to(source.resolve())  # a link to a symbolic link would not be the file
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        raise SettingInvalid(
            str(source),
            expected=f"a file that can have a second name in {layout.originals}",
            found=error.strerror or str(error),
            remedy="Hard links need one file system, and the right to them: import with `--in-place`, or leave out "
            "`--link` to copy.",
        ) from error


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


def _hash(source: Path, file: BinaryIO, also: Callable[[memoryview], object] | None = None) -> str:
    """Read all bytes and give their SHA-256, each chunk going to `also`. A file that changes is a TransientFailure."""
    before = os.fstat(file.fileno())
    digest = hashlib.sha256()
    view = memoryview(bytearray(COPY_CHUNK_BYTES))
    seen = 0
    while (count := _read(source, file, view)) and seen <= before.st_size:
        digest.update(view[:count])
        if also is not None:
            also(view[:count])
        seen += count
    after = os.fstat(file.fileno())
    if (seen, after.st_size, after.st_mtime_ns) != (before.st_size, before.st_size, before.st_mtime_ns):
        raise _changed(
            source, f"one that changed while it was read (from {before.st_size:,} to {after.st_size:,} bytes)"
        )
    return digest.hexdigest()


def _changed(source: Path, found: str) -> TransientFailure:
    return TransientFailure(
        str(source),
        expected="a file that nobody writes to",
        found=found,
        remedy="It is tried again once whoever writes it is done.",
    )


def _read(source: Path, file: BinaryIO, view: memoryview) -> int:
    """Fill a buffer; an error while reading is the source's disk, never ours."""
    try:
        count = file.readinto(view)  # type: ignore[attr-defined]  # a raw file has it, BinaryIO does not tell
    except OSError as error:
        raise _away(source, error) from error
    return int(count or 0)


def stored_original(layout: Layout, sha256: str, size_bytes: int) -> Path | None:
    """Find stored bytes by their hash, whatever suffix they came with. A file of another size is no match."""
    shard = layout.original_of(sha256, "").parent
    if not shard.is_dir():
        return None
    for path in sorted(shard.glob(f"{sha256}*")):
        if path.is_file() and path.stat().st_size == size_bytes:
            return path
    return None
