"""The file that a backup is: one gzipped tar, its members in a fixed order.

`backup.json` says what it is, then come `dagster/`, `database/`, the folders of files, `afterwards.json`, and at last
`manifest.ndjson`: name, size and SHA-256 of every member before it, in their order. What is truncated has no manifest.
Members are plain files; a tar program of any system reads them.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from asr_pipeline.domain.errors import SetupError

FORMAT = 1
HEADER, AFTERWARDS, MANIFEST = "backup.json", "afterwards.json", "manifest.ndjson"
DATABASE, DAGSTER, MODELS = "database", "dagster", "models"
FILE_FOLDERS = ("originals", "audio", "results", "quarantine", "archive")
TOP_LEVEL = frozenset({HEADER, AFTERWARDS, DATABASE, DAGSTER, MODELS, *FILE_FOLDERS})
COPY_BYTES = 1 << 20
COMPRESSION = 1  # audio hardly shrinks; text does, at any level
# What gzip and tar raise on files of which bytes were lost or changed.
_DAMAGE = (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, ValueError, UnicodeError, OverflowError)
_ASTRAY = frozenset({errno.EINVAL, errno.ENAMETOOLONG})


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class ArchiveWriter:
    """Adds members one by one, each hashed on its way, and notes them for the manifest."""

    def __init__(self, tar: tarfile.TarFile, manifest: IO[bytes], advance: Callable[[int], None]) -> None:
        self._tar, self._manifest, self._advance = tar, manifest, advance
        self.members = 0
        self.size_bytes = 0

    def add_bytes(self, name: str, data: bytes) -> None:
        """Add a member from memory."""
        self._add(tarfile.TarInfo(name), io.BytesIO(data), len(data))

    def add_file(self, name: str, path: Path) -> bool:
        """Add a file as it is; False where it is gone by now, or is no plain file.

        What is appended meanwhile is left out.
        """
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            if path.is_symlink():
                return False
            raise SetupError(
                str(path),
                expected="a file that can be read",
                found=error.strerror or str(error),
                remedy="Give the user that makes the backup the right to read it; nothing was written.",
            ) from error
        with open(handle, "rb") as file:  # noqa: PTH123 - a handle, not a path
            there = os.fstat(file.fileno())
            if not stat.S_ISREG(there.st_mode):
                return False
            member = tarfile.TarInfo(name)
            member.mtime = there.st_mtime  # PAX keeps fractions
            self._add(member, file, there.st_size)
        return True

    def add_manifest(self) -> None:
        """Add the manifest, as the last member."""
        self._manifest.seek(0, os.SEEK_END)
        member = tarfile.TarInfo(MANIFEST)
        member.size = self._manifest.tell()
        self._manifest.seek(0)
        self._tar.addfile(member, self._manifest)

    def _add(self, member: tarfile.TarInfo, content: IO[bytes], size_bytes: int) -> None:
        member.size = size_bytes
        reader = _HashingReader(content, self._advance)
        self._tar.addfile(member, reader)  # type: ignore[arg-type]  # it reads, and that is all tarfile does
        self._manifest.write(manifest_line(member.name, size_bytes, reader.digest))
        self.members += 1
        self.size_bytes += size_bytes


class _HashingReader:
    """Hashes what is read; where a file has become shorter, zeros stand for the rest."""

    def __init__(self, content: IO[bytes], advance: Callable[[int], None]) -> None:
        self._content, self._advance = content, advance
        self.digest: _Digest = hashlib.sha256()

    def read(self, count: int) -> bytes:
        """Read exactly so many bytes."""
        data = self._content.read(count)
        data += bytes(count - len(data))
        self.digest.update(data)
        self._advance(count)
        return data


def manifest_line(name: str, size_bytes: int, digest: _Digest) -> bytes:
    """Give a member's line in the manifest."""
    return json.dumps([name, size_bytes, digest.hexdigest()]).encode() + b"\n"


@contextmanager
def writer(path: Path, manifest: IO[bytes], advance: Callable[[int], None]) -> Iterator[ArchiveWriter]:
    """Write a new archive at `path`, which only its owner can read: it holds people's speech."""
    with (
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file,  # noqa: PTH123
        gzip.GzipFile("", "wb", COMPRESSION, file) as packed,
        tarfile.open(
            fileobj=packed,
            mode="w|",
            format=tarfile.PAX_FORMAT,
            encoding="utf-8",
            errors="surrogateescape",
            bufsize=COPY_BYTES,
        ) as tar,
    ):
        tar.copybufsize = COPY_BYTES  # type: ignore[attr-defined]  # its own is 16 KiB
        yield ArchiveWriter(tar, manifest, advance)


def unpack(archive: Path, folder: Path, advance: Callable[[int], None]) -> None:
    """Unpack every member into `folder`, and hold all against the manifest.

    `advance` hears of bytes of the archive that were read. Raises SetupError where it is damaged, truncated, leads
    elsewhere or is no backup; what lies in `folder` is then worth nothing.
    """
    try:
        with (
            archive.open("rb") as file,
            gzip.GzipFile(fileobj=_Counted(file, advance), mode="rb") as packed,
            tarfile.open(
                fileobj=packed, mode="r|", encoding="utf-8", errors="surrogateescape", bufsize=COPY_BYTES
            ) as tar,
            (folder / MANIFEST).open("xb+") as manifest,
        ):
            _unpack(archive, tar, folder, manifest)
            while packed.read(COPY_BYTES):
                pass  # to the end, whose checksum is held against what was read
    except _DAMAGE as error:
        raise damaged(archive, f"a damaged one ({str(error) or type(error).__name__})") from error
    except OSError as error:
        if error.errno in _ASTRAY:
            raise damaged(archive, f"one that leads astray ({error.strerror})") from error
        if not isinstance(error, FileNotFoundError) or error.filename != str(archive):
            raise
        raise SetupError(
            str(archive), expected="a backup", found="no such file", remedy="Name the file that `backup` wrote."
        ) from error


def _unpack(archive: Path, tar: tarfile.TarFile, folder: Path, manifest: IO[bytes]) -> None:
    ended = False
    for place, member in enumerate(tar):
        if ended:
            raise damaged(archive, f"one that goes on after its manifest ({member.name!r})")
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise damaged(archive, f"{member.name!r}, a link or a special file")
        if place == 0 and member.name != HEADER:
            raise damaged(archive, f"another file: its first member is {member.name!r}")
        if member.name == MANIFEST:
            _compare(archive, content, manifest)
            ended = True
            continue
        _extract(archive, member, content, folder, manifest)
    if not ended:
        raise damaged(archive, "a truncated one: it has no manifest")


def _extract(archive: Path, member: tarfile.TarInfo, content: IO[bytes], folder: Path, manifest: IO[bytes]) -> None:
    path = PurePosixPath(member.name)
    harmless = (
        not path.is_absolute() and ".." not in path.parts and str(path) == member.name and "\0" not in member.name
    )
    if not harmless or path.parts[0] not in TOP_LEVEL:
        raise damaged(archive, f"a member that leads elsewhere ({member.name!r})")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        file = target.open("xb")
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise damaged(archive, f"the same name twice ({member.name!r})") from error
    with file:
        while chunk := content.read(COPY_BYTES):
            digest.update(chunk)
            file.write(chunk)
    os.utime(target, (member.mtime, member.mtime))
    manifest.write(manifest_line(member.name, member.size, digest))


def _compare(archive: Path, expected: IO[bytes], found: IO[bytes]) -> None:
    """Hold what was unpacked against the archive's manifest, line by line: both are in the same order."""
    found.seek(0)
    for line in found:
        if expected.readline() != line:
            raise damaged(archive, f"{json.loads(line)[0]!r} with other bytes than the manifest has")
    if expected.read(1):
        raise damaged(archive, "fewer members than the manifest has")


class _Counted(io.RawIOBase):
    """Tells how much of a file was read."""

    def __init__(self, file: IO[bytes], advance: Callable[[int], None]) -> None:
        self._file, self._advance = file, advance

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Read on."""
        data = self._file.read(size)
        self._advance(len(data))
        return data


def damaged(archive: Path, found: str) -> SetupError:
    """Say that an archive can't be restored."""
    return SetupError(
        str(archive),
        expected="a whole backup that `asr-pipeline backup` wrote",
        found=found,
        remedy="Nothing was restored. Copy the file again from where it was made, or take another backup.",
    )
