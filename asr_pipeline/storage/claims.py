"""Claims: a recording has one worker at a time, among threads, processes and, with PostgreSQL, machines.

Beside SQLite, a claim is a lock on one byte of a file (an open file description's, so that threads keep out of each
other's way too); beside PostgreSQL, an advisory lock of a session. Both are gone with the process that held them,
whatever ended it. The lock's number is the first 60 bits of the recording's SHA-256.
"""

import contextlib
import errno
import fcntl
import os
import struct
import threading
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.errors import SettingInvalid, StoreUnavailable
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.faults import database_errors
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.marks import Marks

LOCK_DIGITS = 15  # hex digits, 60 bits: a signed 64-bit number, far from the program's other advisory locks
# A machine that vanishes must not keep its claims for the two hours that TCP would wait.
_NOTICE_VANISHED = ("SET tcp_keepalives_idle = 30", "SET tcp_keepalives_interval = 10", "SET tcp_keepalives_count = 3")


class Locks(Protocol):
    """Locks by number, held until released or until this process ends."""

    def acquire(self, number: int) -> bool:
        """Take a lock; False where another process or another instance has it."""
        ...

    def release(self, number: int) -> None:
        """Give a lock back."""
        ...

    def close(self) -> None:
        """Give all locks back."""
        ...


class RecordingClaims:
    """`ports.Claims`. May be shared by threads; make a new one after a fork."""

    def __init__(self, locks: Locks, layout: Layout) -> None:
        self._locks = locks
        self._layout = layout
        self._held: set[int] = set()
        self._turn = threading.Lock()

    def claim(self, recording: Recording) -> "RecordingClaim | None":
        """Claim a recording; None where another has it. Raises StoreUnavailable."""
        number = int(recording.sha256[:LOCK_DIGITS], 16)
        with self._turn:
            if number in self._held or not self._locks.acquire(number):
                return None
            self._held.add(number)
        try:
            return RecordingClaim(self, number, Marks(self._layout, recording.recording_id))
        except BaseException:
            self.give_back(number)
            raise

    def give_back(self, number: int) -> None:
        """Release a claim."""
        with self._turn:
            self._held.discard(number)
            self._locks.release(number)

    def close(self) -> None:
        """Release all claims."""
        with self._turn:
            self._held.clear()
            self._locks.close()


class RecordingClaim:
    """`ports.Claim`."""

    def __init__(self, claims: RecordingClaims, number: int, marks: Marks) -> None:
        self._claims = claims
        self._number = number
        self._marks = marks
        self.is_suspect = marks.is_suspect
        self.began = marks.began
        self.ended = marks.ended
        self.condemn = marks.condemn
        self.engine_died = marks.engine_died

    def release(self) -> None:
        """Let others have it, and take all its marks away, unless it was condemned."""
        try:
            self._marks.clear()
        finally:
            self._claims.give_back(self._number)


def claims_for(database: Engine, layout: Layout) -> RecordingClaims:
    """Give the claims that go with a database."""
    locks: Locks = FileLocks(layout) if database.dialect.name == "sqlite" else AdvisoryLocks(database)
    return RecordingClaims(locks, layout)


class FileLocks:
    """Locks on the bytes of a file, which stays empty."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.locks / "recordings.lock"
        self._handle: int | None = None

    def acquire(self, number: int) -> bool:
        """Take a lock. Raises SettingInvalid where the disk knows no locks."""
        try:
            self._set(number, fcntl.F_WRLCK)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                return False
            raise SettingInvalid(
                str(self._path),
                expected="a data folder on a disk with file locks",
                found=error.strerror or str(error),
                remedy="Set ASR_PIPELINE_DATA_DIR to a folder on a local disk.",
            ) from error
        return True

    def release(self, number: int) -> None:
        """Give a lock back."""
        if self._handle is not None:
            self._set(number, fcntl.F_UNLCK)

    def close(self) -> None:
        """Close the file, and all locks are given back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _set(self, number: int, kind: int) -> None:
        if self._handle is None:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        flock = struct.pack("hhqqi", kind, os.SEEK_SET, number, 1, 0)  # struct flock of 64-bit Linux
        fcntl.fcntl(self._handle, fcntl.F_OFD_SETLK, flock)


class AdvisoryLocks:
    """PostgreSQL's advisory locks, held by one session."""

    def __init__(self, database: Engine) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._held: set[int] = set()

    def acquire(self, number: int) -> bool:
        """Take a lock. Raises StoreUnavailable."""
        taken = bool(self._call(sa.func.pg_try_advisory_lock(number)))
        if taken:
            self._held.add(number)
        return taken

    def release(self, number: int) -> None:
        """Give a lock back. Where the database is away, ending the session does that."""
        self._held.discard(number)
        if self._connection is not None:
            try:
                self._call(sa.func.pg_advisory_unlock(number))
            except StoreUnavailable:
                self._end_session()

    def close(self) -> None:
        """Give all locks back, and end the session. A server that is away has given them back, or soon will."""
        self._held.clear()
        if self._connection is not None:
            with contextlib.suppress(exc.DBAPIError):  # by its end alone they would be free a moment later
                self._connection.execute(sa.select(sa.func.pg_advisory_unlock_all()))
        self._end_session()

    def _end_session(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # closed, not returned to the pool with its locks
            self._connection.close()
            self._connection = None

    def _call(self, function: "sa.Function[bool]") -> object:
        with database_errors(self._database.url):
            try:
                return self._session().execute(sa.select(function)).scalar()
            except exc.DBAPIError:
                self._end_session()
                raise

    def _session(self) -> Connection:
        """Give the session; after a loss a new one, with the locks again that nobody has taken meanwhile."""
        if self._connection is None:
            self._connection = self._database.connect().execution_options(isolation_level="AUTOCOMMIT")
            for statement in _NOTICE_VANISHED:
                self._connection.exec_driver_sql(statement)
            for number in self._held:
                self._connection.execute(sa.select(sa.func.pg_try_advisory_lock(number)))
        return self._connection
