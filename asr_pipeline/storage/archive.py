"""Model archives (zip): unpacked whole or not at all, and only what is harmless."""

import errno
import fcntl
import os
import shutil
import stat
import struct
import unicodedata
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from asr_pipeline.domain.errors import ModelMissing, SetupError, StorageFull
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.storage.atomic import storage_errors

# The largest official model unpacks to about 4 GB, in about 40 files; graphs and matrices shrink to a half or a third.
MAX_UNPACKED_BYTES = 16 * 2**30
MAX_FILES = 10_000
MAX_RATIO = 100
RATIO_EXEMPT_BYTES = 16 * 2**20
_PACKINGS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# What zipfile raises on archives of which bytes were lost or changed, found by changing each byte of some.
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error)
_COPY_BYTES = 2**20

FindFault = Callable[[Path], str | None]


def unpack(archive: Path, destination: Path, find_fault: FindFault) -> None:
    """Unpack `archive` beside `destination`, look at what came out, sync it to disk, and rename it to `destination`.

    An archive of one folder gives that folder's content. Otherwise as `install`; damaged or dangerous archives are
    refused as well.
    """

    def fill(folder: Path) -> Path:
        _extract(archive, folder)
        return _only_folder(folder)

    install(fill, destination, find_fault, of=archive)


def install(fill: Callable[[Path], Path], destination: Path, find_fault: FindFault, *, of: Path) -> None:
    """Put a model to `destination`, whole or not at all. `fill` makes a folder, and gives what is to be there of it.

    `find_fault` says what is wrong with that, or None. What lay at `destination` before is replaced. The caller holds
    `lock`. Raises SetupError where it is no model, StorageFull where there is no room; nothing has changed then.
    """
    parent = destination.parent
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(destination)
        folder = parent / f"{_leftover_prefix(destination)}{uuid.uuid4().hex}"
        try:
            root = fill(folder)
            fault = find_fault(root)
            if fault:
                raise _refusal(of, "a model", fault)
            _sync_tree(root)
            _replace(root, destination)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def lock(destination: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Let one process or thread at a time work on `destination`; `waiting` is called if another is at it."""
    with storage_errors(destination.parent):
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(destination.parent / f".lock-{destination.name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raise StorageFull where the disk that holds `folder` has less room than needed."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise StorageFull(
            str(folder),
            expected=f"{needed_bytes / 1e6:,.0f} MB of room",
            found=f"{free_bytes / 1e6:,.0f} MB",
            remedy="Free some space, or set ASR_PIPELINE_DATA_DIR to a folder on a larger disk.",
        )


def _extract(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as source:
            members = source.infolist()
            _require_harmless(archive, members)
            require_room(folder.parent, sum(member.file_size for member in members))
            folder.mkdir()
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as content, target.open("xb") as file:
                    shutil.copyfileobj(content, file, _COPY_BYTES)
                    file.flush()
                    os.fsync(file.fileno())
    except _DAMAGE as error:
        raise _refusal(archive, "a whole zip archive", str(error) or "a truncated one") from error
    except FileNotFoundError as error:
        raise ModelMissing(
            str(archive),
            expected="a model archive",
            found="none",
            remedy="Name an archive that exists, or run `asr-pipeline models pull`.",
        ) from error
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENAMETOOLONG):
            raise
        raise _refusal(archive, "a whole zip archive", f"one that leads astray ({error.strerror})") from error


def _require_harmless(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse sizes beyond reason, links, devices, encryption, and names that lead elsewhere or collide."""
    if len(members) > MAX_FILES:
        raise _refusal(archive, f"at most {MAX_FILES} files", str(len(members)))
    unpacked_bytes = sum(member.file_size for member in members)
    ratio = unpacked_bytes / archive.stat().st_size
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        raise _refusal(archive, f"at most {MAX_UNPACKED_BYTES} bytes unpacked", str(unpacked_bytes))
    if unpacked_bytes > RATIO_EXEMPT_BYTES and ratio > MAX_RATIO:
        raise _refusal(archive, f"at most {MAX_RATIO} times its size unpacked", f"{ratio:.0f} times")
    for member in members:
        name = member.filename
        path = PurePosixPath(name)
        if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
            raise _refusal(archive, "names inside the archive's own folder", repr(name))
        mode = stat.S_IFMT(member.external_attr >> 16)
        if mode not in (0, stat.S_IFDIR if member.is_dir() else stat.S_IFREG):
            raise _refusal(archive, "files and folders only", f"{name!r}, a link or a special file")
        if member.flag_bits & 0x1 or member.compress_type not in _PACKINGS:
            raise _refusal(archive, "files stored or deflated, not encrypted", repr(name))
    _require_distinct_names(archive, members)


def _require_distinct_names(archive: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse what would become one file where case does not count, or a file and a folder of the same name."""
    spellings: dict[str, PurePosixPath] = {}
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        for place in (path, *path.parents[:-1]):
            folded = unicodedata.normalize("NFC", str(place)).casefold()
            if spellings.setdefault(folded, place) != place:
                raise _refusal(archive, "names that differ by more than case", repr(member.filename))
        if path in files:
            raise _refusal(archive, "each name once", repr(member.filename))
        (folders if member.is_dir() else files).add(path)
        folders.update(path.parents[:-1])
    if files & folders:
        raise _refusal(archive, "names of files apart from those of folders", repr(str(min(files & folders))))


def _refusal(archive: Path, expected: str, found: str) -> SetupError:
    return SetupError(
        str(archive),
        expected=expected,
        found=found,
        remedy="Nothing was installed. Get the file anew from its publisher.",
    )


def _only_folder(folder: Path) -> Path:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _replace(root: Path, destination: Path) -> None:
    """Put `root` where `destination` is: a folder can't be renamed onto one that has content."""
    if destination.exists():
        old = destination.parent / f"{_leftover_prefix(destination)}{uuid.uuid4().hex}"
        destination.rename(old)
        root.rename(destination)
        shutil.rmtree(old, ignore_errors=True)
    else:
        root.rename(destination)
    _sync(destination.parent)


def _leftover_prefix(destination: Path) -> str:
    return f"{PARTIAL_PREFIX}{destination.name}-"


def _remove_leftovers(destination: Path) -> None:
    """Remove what an unpacking that was killed has left."""
    for leftover in destination.parent.glob(f"{_leftover_prefix(destination)}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _sync_tree(root: Path) -> None:
    for folder, _, _ in os.walk(root):
        _sync(Path(folder))


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
