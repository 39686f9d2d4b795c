"""Settings -> files and database: what looking after recordings needs, without engines or models."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.errors import PermanentFailure
from asr_pipeline.domain.ledger import Equation
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.settings import Settings
from asr_pipeline.steps.ingest import Ingest
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.database import open_database, upgrade
from asr_pipeline.storage.erasing import erase_files, erase_rows
from asr_pipeline.storage.faults import masked
from asr_pipeline.storage.inbox import InboxFolder
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.note_work import SqlNoteWork
from asr_pipeline.storage.notes import SqlNotes
from asr_pipeline.storage.quarantine import QuarantineFolder, Reason, refusal, standing
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.references import SqlReferences
from asr_pipeline.storage.shared_audio import SharedAudio
from asr_pipeline.storage.verifications import note_verification
from asr_pipeline.storage.verified import store_verified
from asr_pipeline.storage.verify import Progress, Verification, verify
from asr_pipeline.storage.verify_files import FileChecks
from asr_pipeline.wiring.logs import set_up_logs


@dataclass(frozen=True)
class Storage:
    """Files and database alone: what looking after them needs, also where a model is missing."""

    settings: Settings
    layout: Layout
    database: Engine
    store: SqlRecordStore
    arrivals: SqlArrivals
    inbox: InboxFolder
    quarantine: QuarantineFolder

    @property
    def database_name(self) -> str:
        """The database's file or address, without its password."""
        url = self.database.url
        return url.database or "" if url.get_backend_name() == "sqlite" else masked(url)

    @property
    def ingest(self) -> Ingest:
        """What takes files from the inbox."""
        return Ingest(self._store_verified, self.store, self.arrivals, self.inbox, self.quarantine)

    @property
    def notes(self) -> SqlNotes:
        """Notes that people type."""
        return SqlNotes(self.database)

    @property
    def note_work(self) -> SqlNoteWork:
        """Their translations, as runs see them."""
        return SqlNoteWork(self.database)

    @property
    def references(self) -> SqlReferences:
        """What was really said in recordings."""
        return SqlReferences(self.database)

    def quarantined(self) -> list[Reason]:
        """Give all refused files and quarantined recordings, oldest first; makes the folder agree with SQL."""
        rows = self.store.rows(state=RecordingState.QUARANTINED)
        found = [refusal(self.quarantine, arrival) for arrival in self.arrivals.with_outcome(Outcome.REFUSED)]
        found += [standing(self.quarantine, row) for row in rows]
        there = {reason.entry_id for reason in found}
        gone = [entry_id for entry_id in self.quarantine.ids() if entry_id not in there]
        for row in self.store.rows(gone):  # of a file that was refused nothing is removed: it may be all there is
            self.quarantine.remove(row.recording.recording_id)
        return sorted(found, key=lambda reason: (reason.when, reason.entry_id))

    def drop(self, reason: Reason) -> None:
        """Give up a refused file or a recording: counted as dropped from now on, with its reason.

        Its file leaves quarantine; of a recording the original stays. Done in this order, a crash leaves a file to be
        removed by hand and nothing uncounted.
        """
        if reason.recording_id is not None:
            self.store.drop(reason.recording_id)
        else:
            self.arrivals.note(
                replace(arrival, outcome=Outcome.DROPPED)
                for arrival in self.arrivals.with_outcome(Outcome.REFUSED)
                if (arrival.path, arrival.size_bytes, arrival.mtime_ns)
                == (reason.path, reason.size_bytes, reason.mtime_ns)
            )
        self.quarantine.remove(reason.entry_id)

    def note_refused(self, file: Path, way: Way, error: PermanentFailure) -> None:
        """Note a file that can't be taken and stays where it is. What is no file, or none any more, is no arrival."""
        try:
            there = file.stat()
        except (OSError, ValueError):  # ValueError: a NUL in the path
            return
        if stat.S_ISREG(there.st_mode):
            look = str(file.absolute()), there.st_size, there.st_mtime_ns
            self.arrivals.note([Arrival(*look, way, Outcome.REFUSED, reason=str(error))])

    def erase(self, recording: Recording) -> None:
        """Remove what was found for a recording, and its original, for good; it is counted as dropped from now on.

        Nobody may be at work on it. Rows go first: after a crash, erasing again removes the files that are left.
        """
        erase_rows(self.database, recording.recording_id)
        erase_files(self.layout, recording)
        if self.settings.shared_audio is not None:  # a run that died may have left it
            SharedAudio(self.settings.shared_audio).remove(recording.recording_id)
        self.quarantine.remove(recording.recording_id)

    def _store_verified(self, file: Path, name: str) -> Recording:
        known = self.store.find_by_sha256
        return store_verified(file, self.layout, name=name, max_bytes=self.settings.max_size_bytes, known=known)

    def verify(self, *, deep: bool = False, progress: Progress = lambda *_: None) -> Verification:
        """Look at every row and every file; `deep` reads the originals again."""
        return verify(self.database, self.layout, FileChecks(deep=deep, threads=self.settings.workers), progress)

    def note_verified(self, equation: Equation, findings: int, *, deep: bool = False) -> None:
        """Note how a verification ended, for monitoring."""
        note_verification(self.database, deep=deep, files=equation.files, findings=findings)

    def close(self) -> None:
        """Close the database's connections."""
        self.database.dispose()


def connect(settings: Settings) -> Engine:
    """Open the database that the settings name. Raises SettingInvalid."""
    return open_database(
        settings.sqlalchemy_url,
        pool_size=settings.database_pool_size,
        statement_timeout_s=settings.database_statement_timeout_s,
    )


def build_storage(settings: Settings) -> Storage:
    """Open files and database, without engines. Raises SetupError, StoreUnavailable."""
    if settings.log_format == "json":  # here, as every process comes by: runs, sensors, commands, the gateway
        set_up_logs(settings.log_format)
    layout = Layout(settings.data_dir)
    layout.ensure()
    inbox = InboxFolder(settings.inbox_dir or layout.inbox, layout, settings.inbox_after)
    database = connect(settings)
    try:
        upgrade(database)
    except BaseException:
        database.dispose()
        raise
    store, arrivals = SqlRecordStore(database), SqlArrivals(database)
    return Storage(settings, layout, database, store, arrivals, inbox, QuarantineFolder(layout))


@contextmanager
def open_storage(settings: Settings) -> Iterator[Storage]:
    """Open files and database, and close them at the end."""
    storage = build_storage(settings)
    try:
        yield storage
    finally:
        storage.close()
