"""Registering an archive: files hashed in parallel, registered in batches, and what was done once not done again.

A batch's recordings and arrivals are one transaction. Killed at any moment, it goes on from the ledger: a file that
was registered is known by its path, size and time of change, and is not read again. Memory does not grow with the
archive.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.errors import PermanentFailure, PipelineError, SetupError, StorageFull, StoreUnavailable
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.arrivals import FileLook, SqlArrivals
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.originals import link_original, original_in_place, store_original
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.standing import in_chunks
from asr_pipeline.storage.tables import recordings

T = TypeVar("T")
BATCH_FILES = 500
FILES_IN_FLIGHT_PER_WORKER = 16  # a large file at the head does not leave the other workers idle
_STOPS_ALL = (SetupError, StorageFull, StoreUnavailable)  # no other file would fare better


class Keeping(StrEnum):
    """How an archive's bytes are kept."""

    COPY = "copy"
    LINK = "link"  # a hard link in originals
    IN_PLACE = "in_place"  # nothing in originals: the recording's source is the file itself


class ImportListener(Protocol):
    """Hears how an import goes, in the thread that runs it."""

    def file_done(self, size_bytes: int) -> None:
        """Hear that a file was read, or is known; it is registered with its batch."""
        ...

    def file_failed(self, path: str, error: PipelineError) -> None:
        """Hear that a file was not registered."""
        ...

    def registered(self, recording_ids: Sequence[str]) -> None:
        """Hear which recordings a committed batch consists of; those that were known before are among them."""
        ...


@dataclass
class ImportReport:
    """What became of the files: each is counted once."""

    new: int = 0
    duplicates: int = 0  # their bytes are a recording that came under another name
    known: int = 0  # registered by an earlier import, and unchanged since
    failed: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    """A file that was read: a recording, or why it is none."""

    look: FileLook
    recording: Recording | None = None
    error: PipelineError | None = None


@dataclass
class Importer:
    """Registers files. An instance runs once."""

    layout: Layout
    database: Engine
    keeping: Keeping
    max_bytes: int
    workers: int
    _report: ImportReport = field(default_factory=ImportReport)

    def run(self, files: Iterable[Path], listener: ImportListener) -> ImportReport:
        """Register every file; one that can't be is told, and the others go on.

        Raises SetupError, StorageFull or StoreUnavailable, which would meet every file; what is registered stays.
        """
        self._store, self._arrivals = SqlRecordStore(self.database), SqlArrivals(self.database)
        self._listener = listener
        pool = ThreadPoolExecutor(self.workers, "import")
        try:
            for batch in _batches(self._taken(files, pool), BATCH_FILES):
                self._register(batch)
        finally:
            pool.shutdown(cancel_futures=True)
        return self._report

    def _taken(self, files: Iterable[Path], pool: ThreadPoolExecutor) -> Iterator[_Taken]:
        """Read the files that the ledger does not know, several at a time, and give them in their order."""
        pending: deque[Future[_Taken]] = deque()
        for paths in _batches((Path(os.path.abspath(file)) for file in files), BATCH_FILES):  # noqa: PTH100 - no links
            for look in self._unknown([_look(path) for path in paths]):
                pending.append(pool.submit(self._take, look))
                if len(pending) >= self.workers * FILES_IN_FLIGHT_PER_WORKER:
                    yield self._next(pending)
        while pending:
            yield self._next(pending)

    def _next(self, pending: deque[Future[_Taken]]) -> _Taken:
        taken = pending.popleft().result()
        self._listener.file_done(taken.look[1])
        return taken

    def _unknown(self, looks: Sequence[FileLook]) -> list[FileLook]:
        """Leave out what was registered before and is unchanged; a file that was refused is tried again."""
        accepted = {
            look: arrival.recording_id
            for look, arrival in self._arrivals.known(looks).items()
            if arrival.outcome is Outcome.ACCEPTED and arrival.recording_id
        }
        there = _present(self.database, recordings.c.recording_id, list(set(accepted.values())))
        known = {look for look, recording_id in accepted.items() if recording_id in there}
        for _, size_bytes, _ in known:
            self._report.known += 1
            self._listener.file_done(size_bytes)
        # Killed between SQL and Dagster, a batch may lack its partitions: they are told again.
        self._tell(there.values())
        return [look for look in looks if look not in known]

    def _take(self, look: FileLook) -> _Taken:
        path, layout, max_bytes = Path(look[0]), self.layout, self.max_bytes
        known = self._store.find_by_sha256
        try:
            if self.keeping is Keeping.IN_PLACE:
                return _Taken(look, original_in_place(path, layout, max_bytes=max_bytes))
            keep = link_original if self.keeping is Keeping.LINK else store_original
            return _Taken(look, keep(path, layout, max_bytes=max_bytes, known=known))
        except _STOPS_ALL:
            raise
        except PipelineError as error:
            return _Taken(look, error=error)

    def _register(self, batch: Sequence[_Taken]) -> None:
        good = [one for one in batch if one.recording is not None]
        before = _present(self.database, recordings.c.sha256, _hashes(good))
        refused = [one for one in batch if isinstance(one.error, PermanentFailure) and one.look[2]]
        try:
            self._store.register(
                [one.recording for one in good if one.recording], [*map(_accepted, good), *map(_refused, refused)]
            )
        except PermanentFailure as error:  # two files whose ids meet, of a number that no archive has
            if len(batch) == 1:
                self._fail(batch[0].look, error)
                return
            for one in batch:
                self._register([one])
            return
        after = _present(self.database, recordings.c.sha256, _hashes(good))
        self._report.new += len(after.keys() - before.keys())
        self._report.duplicates += len(good) - len(after.keys() - before.keys())
        for one in batch:
            if one.error is None:
                self._report.size_bytes += one.look[1]
            else:
                self._fail(one.look, one.error)
        self._tell(after.values())

    def _tell(self, rows: Iterable["_Present"]) -> None:
        """Tell of recordings that need a partition."""
        ids = [row.recording_id for row in rows if not row.retired]
        if ids:
            self._listener.registered(ids)

    def _fail(self, look: FileLook, error: PipelineError) -> None:
        self._report.failed += 1
        self._listener.file_failed(look[0], error)


@dataclass(frozen=True, slots=True)
class _Present:
    recording_id: str
    retired: bool


def _present(database: Engine, column: "sa.Column[str]", values: Sequence[str]) -> dict[str, _Present]:
    """Give the registered recordings whose column has one of these values, by it, in the order of registration."""
    query = sa.select(column, recordings.c.recording_id, recordings.c.retired_at).order_by(recordings.c.number)
    with reading(database) as connection:
        return {
            value: _Present(recording_id, retired_at is not None)
            for chunk in in_chunks(values)
            for value, recording_id, retired_at in connection.execute(query.where(column.in_(chunk)))
        }


def _hashes(taken: Sequence[_Taken]) -> list[str]:
    return list({one.recording.sha256 for one in taken if one.recording})


def _look(path: Path) -> FileLook:
    """Look at a file, or at the link where it leads nowhere; one that is gone has no time of change."""
    try:
        there = path.stat()
    except (OSError, ValueError):
        try:
            there = path.lstat()
        except (OSError, ValueError):
            return str(path), 0, 0
    return str(path), there.st_size, there.st_mtime_ns


def _accepted(taken: _Taken) -> Arrival:
    recording_id = taken.recording.recording_id if taken.recording else None
    return Arrival(*taken.look, Way.IMPORT, Outcome.ACCEPTED, recording_id)


def _refused(taken: _Taken) -> Arrival:
    return Arrival(*taken.look, Way.IMPORT, Outcome.REFUSED, reason=str(taken.error))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
