"""The inbox folder: looking at it, and putting away what was taken. Polling only: network mounts tell nothing."""

import errno
import fcntl
import os
import re
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from asr_pipeline.domain.errors import SettingInvalid, TransientFailure, UnreadableAudio
from asr_pipeline.domain.inbox import FoundFile, is_temporary
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.moving import NotMovable, free_name, move, remove, stamp_of

HASH_MARK_CHARS = 12
OWN_DISKS = frozenset({"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"})
_OCTAL = re.compile(r"\\([0-7]{3})")  # how the kernel writes spaces in the names of mounts
LOCK_POLL_S = 0.1


@dataclass(slots=True)
class Look:
    """What lies in the inbox, and the folders that could not be looked into, each with why."""

    files: list[FoundFile] = field(default_factory=list)
    closed: list[tuple[str, str]] = field(default_factory=list)


class InboxFolder:
    """A folder that is watched, with its sub-folders. `after`: archive, delete or leave what was taken."""

    def __init__(self, folder: Path, layout: Layout, after: str) -> None:
        self.folder = folder
        self.after = after
        self._layout = layout
        self._data = layout.data_dir.resolve()
        if folder.resolve() in {self._data, *(path.resolve() for path in self._own_folders())}:
            raise SettingInvalid(
                str(folder),
                expected="an inbox of its own",
                found="a folder that the program keeps its own files in",
                remedy="Set ASR_PIPELINE_INBOX_DIR to another folder, or leave it out for inbox/ in the data folder.",
            )

    def look(self) -> Look:
        """Find every file that is not temporary. Links to folders are not followed.

        Raises TransientFailure where the folder is away or closed to us.
        """
        found = Look()
        try:
            self._look_into(self.folder, found)
        except OSError as error:
            raise TransientFailure(
                str(self.folder),
                expected="an inbox that can be looked into",
                found=error.strerror or str(error),
                remedy="Check that the folder exists, is mounted and may be read; it is looked at again.",
            ) from error
        return found

    @property
    def lock_file(self) -> Path:
        """The lock by which only one process at a time takes files."""
        return self._layout.locks / "inbox.lock"

    @property
    def leaves(self) -> bool:
        """Whether files stay in the inbox, whatever becomes of them."""
        return self.after == "leave"

    def put_away(self, file: FoundFile, sha256: str) -> str | None:
        """Archive, delete or leave a file whose bytes are stored; give why it could not be, None where it was.

        In the archive it keeps its name and folder; its hash is added where another file has that name. Raises
        TransientFailure where the file changed since it was found, StorageFull.
        """
        if self.leaves:
            return None
        try:
            if file.is_link:  # what it leads to is put away by itself
                remove(file.path, stamp_of(file.path))
            else:
                self._put_away(file, sha256)
        except FileNotFoundError:
            return None  # gone already; its bytes are stored
        except NotMovable as error:
            return str(error)
        return None

    def may_empty(self, file: FoundFile) -> bool:
        """Tell whether files may be moved out of the folder that a file lies in."""
        return os.access(file.path.parent, os.W_OK | os.X_OK)

    def may_read(self, file: FoundFile) -> bool:
        """Tell whether a file may be read."""
        return os.access(file.path, os.R_OK)

    def is_unchanged(self, file: FoundFile) -> bool:
        """Tell whether a file is there as it was found."""
        try:
            now = self.found(file.path, file.name)
        except OSError:
            return False
        return now.look == file.look

    def _put_away(self, file: FoundFile, sha256: str) -> None:
        stamp = (file.size_bytes, file.mtime_ns)
        target = None if self.after == "delete" else self._place_in_archive(file, sha256)
        if target is None:
            remove(file.path, stamp)
        else:
            move(file.path, target, stamp)

    def _place_in_archive(self, file: FoundFile, sha256: str) -> Path | None:
        """Give a free path in the archive; None where these bytes are there already, under this name."""
        mark = sha256[:HASH_MARK_CHARS]
        wanted = self._layout.archive / file.name
        try:
            wanted.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):  # a file was archived by the name that is a folder now
            wanted = self._layout.archive / mark / wanted.name
            wanted.parent.mkdir(parents=True, exist_ok=True)
        return free_name(wanted.parent, wanted.name, mark, file.path)

    def _look_into(self, folder: Path, found: Look) -> None:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
        for entry in listed:
            path = Path(entry.path)
            name = str(path.relative_to(self.folder))
            if is_temporary(name):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    if path.resolve() != self._data:  # the inbox may be a folder above our own
                        self._look_into_below(path, name, found)
                else:
                    found.files.append(self.found(path, name))
            except FileNotFoundError:
                continue  # taken away meanwhile

    def _look_into_below(self, path: Path, name: str, found: Look) -> None:
        try:
            self._look_into(path, found)
        except FileNotFoundError:
            return
        except OSError as error:
            found.closed.append((name, error.strerror or str(error)))

    def found(self, path: Path, name: str) -> FoundFile:
        """Give a file as it lies now, and why it is refused, if it is a link that leads elsewhere. Raises OSError."""
        here = path.lstat()
        if not stat.S_ISLNK(here.st_mode):
            return FoundFile(path, name, here.st_size, here.st_mtime_ns, here.st_ctime)
        led_to = self._led_to(path)
        if isinstance(led_to, UnreadableAudio):
            return FoundFile(path, name, here.st_size, here.st_mtime_ns, here.st_ctime, is_link=True, refusal=led_to)
        return FoundFile(path, name, led_to.st_size, led_to.st_mtime_ns, here.st_ctime, is_link=True)

    def _led_to(self, path: Path) -> os.stat_result | UnreadableAudio:
        """Give the file that a link leads to, or why it is refused."""
        try:
            target = path.resolve(strict=True)
            there = target.stat()
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return _refused_link(path, "a link that leads nowhere")
        if not target.is_relative_to(self.folder.resolve()) or target.is_relative_to(self._data / "originals"):
            return _refused_link(path, f"a link that leads outside the inbox, to {target}")
        if not stat.S_ISREG(there.st_mode):
            return _refused_link(path, f"a link to {target}, which is no file")
        return there

    def _own_folders(self) -> tuple[Path, ...]:
        own = self._layout
        return (own.dagster_home, own.originals, own.audio, own.results, own.archive, own.quarantine, own.models)


class Writers(StrEnum):
    """Whether another program has a file open for writing, as far as one can tell."""

    NONE = "none"
    SOME = "some"
    UNKNOWN = "unknown"


def writers(path: Path) -> Writers:
    """Tell whether another program may have a file open for writing: Linux grants a read lease only where none has.

    Network file systems may not be able to tell: the answer is SOME or UNKNOWN there; of files of other users it is
    UNKNOWN. It is NONE on disks of this machine alone: nobody else can write to them.
    """
    try:
        if not path.is_file():
            return Writers.UNKNOWN
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return Writers.UNKNOWN  # why it can't be opened is found, and told, where it is read
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # who opens it now sends this; SIGIO would end us
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return Writers.SOME if error.errno == errno.EAGAIN else Writers.UNKNOWN
    finally:
        os.close(handle)
    return Writers.NONE if is_on_own_disk(path) else Writers.UNKNOWN


def is_on_own_disk(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> bool:
    """Tell whether a path lies on a disk or in the memory of this machine, as the list of mounts has it."""
    real, kind, longest = os.path.realpath(path), "", -1
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    for line in lines:
        before, _, after = line.partition(" - ")
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), before.split()[4])
        if len(point) >= longest and (real == point or real.startswith(point.rstrip("/") + "/")):
            kind, longest = after.split()[0], len(point)  # of two at the same place, the later hides the other
    return kind in OWN_DISKS


@contextmanager
def only_one(lock_file: Path, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold a lock while the block runs; False where another process, or another thread, holds it for `wait_s`."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    deadline_s = time.monotonic() + wait_s
    handle = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        while not (held := _locked(handle)) and time.monotonic() < deadline_s:
            time.sleep(LOCK_POLL_S)
        yield held
    finally:
        os.close(handle)  # gives the lock back


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refused_link(path: Path, found: str) -> UnreadableAudio:
    return UnreadableAudio(
        str(path),
        expected="a file, or a link to one inside the inbox",
        found=found,
        remedy="Put the file itself into the inbox.",
    )
