"""A file of the inbox becomes a recording, in an order that loses nothing at any point at which it may stop.

1. Its bytes are stored, synced and read back. A crash before this: the file lies where it lay.
2. Recording and arrival are registered, in one transaction. A crash before this: stored bytes that are found again.
3. The file is archived, deleted or left. A crash before this: the same file is offered again, its bytes are known, and
   what remains to be done is this.

A file that can't be taken is noted as refused first, and put into quarantine then: a crash in between leaves a file
that is offered, and refused, again.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr_pipeline.domain.arrival import STAYING, Arrival, Outcome, Way
from asr_pipeline.domain.errors import PermanentFailure, StorageFull, StoreUnavailable, TransientFailure
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.domain.recording import Recording
from asr_pipeline.ports import Inbox, Ledger, Quarantine, Registry

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class IngestReport:
    """What became of the files that were offered, by their names in the inbox. `waiting` are for a later look."""

    accepted: dict[str, str] = field(default_factory=dict)  # name -> recording
    refused: dict[str, str] = field(default_factory=dict)  # name -> reason
    waiting: dict[str, str] = field(default_factory=dict)  # name -> reason


@dataclass(frozen=True)
class Ingest:
    """Takes files from the inbox. `store` keeps the bytes of a path under a name, verified, and says what they are."""

    store: Callable[[Path, str], Recording]
    registry: Registry
    ledger: Ledger
    inbox: Inbox
    quarantine: Quarantine

    def sort_out(self, files: Sequence[FoundFile]) -> list[FoundFile]:
        """Give the files that are to be taken: not those that are known, unchanged and lie where they have to stay."""
        known = self.ledger.known([file.look for file in files])
        return [file for file in files if file.look not in known or not self._stays(file, known[file.look])]

    def take(self, files: Sequence[FoundFile], *, most_s: float) -> IngestReport:
        """Take files in their order, until all are taken or `most_s` have passed; the first is always tried.

        What meets one file stops no other; what would meet them all (no room, no database) ends the taking.
        Raises SetupError; StoreUnavailable where the database is away from the start.
        """
        report = IngestReport()
        known = self.ledger.known([file.look for file in files])
        deadline_s = time.monotonic() + most_s
        for place, file in enumerate(files):
            if place and time.monotonic() > deadline_s:
                break
            try:
                self._take(file, known, report)
            except (StorageFull, StoreUnavailable) as error:
                report.waiting[file.name] = str(error)
                break
            except TransientFailure as error:
                report.waiting[file.name] = str(error)
        return report

    def retry(self, file: FoundFile, refused: Arrival) -> Recording:
        """Take a file that was refused, from where it lies now. Raises PipelineError where it is refused again.

        One that did not come through the inbox, and was not moved into quarantine, stays where it lies.
        """
        if file.refusal is not None:
            raise file.refusal
        recording = self.store(file.path, Path(refused.path).name)
        self._accept(recording, (refused.path, refused.size_bytes, refused.mtime_ns), refused.way)
        if refused.way not in STAYING or file.path != Path(refused.path):
            self.inbox.put_away(file, recording.sha256)
        self.quarantine.forget(refused.path, refused.size_bytes, refused.mtime_ns)
        return recording

    def _take(self, file: FoundFile, known: Mapping[tuple[str, int, int], Arrival], report: IngestReport) -> None:
        before = known.get(file.look)
        try:
            if file.refusal is not None:
                raise file.refusal
            recording = self.store(file.path, file.path.name)
            if not self.inbox.is_unchanged(file):  # these bytes are not those that the look was of
                report.waiting[file.name] = _changed(file)
                return
            self._accept(recording, file.look, Way.INBOX)
        except PermanentFailure as error:
            self._refuse(file, error, report)
            return
        report.accepted[file.name] = recording.recording_id
        if before is not None and before.outcome is not Outcome.ACCEPTED:
            self.quarantine.forget(*file.look)
        why_not = self.inbox.put_away(file, recording.sha256)
        if why_not is not None:
            logger.warning("%s is stored, and stays in the inbox: %s", file.path, why_not)

    def _stays(self, file: FoundFile, before: Arrival) -> bool:
        """Tell whether a file that is known lies where it has to stay: it is not read again until it changes."""
        if self.inbox.leaves or not self.inbox.may_empty(file):
            return True
        return before.outcome is not Outcome.ACCEPTED and not self.inbox.may_read(file)

    def _accept(self, recording: Recording, look: tuple[str, int, int], way: Way) -> None:
        arrival = Arrival(*look, way, Outcome.ACCEPTED, recording.recording_id)
        self.registry.register([recording], [arrival])

    def _refuse(self, file: FoundFile, error: PermanentFailure, report: IngestReport) -> None:
        if not self.inbox.is_unchanged(file):
            report.waiting[file.name] = _changed(file)
            return
        self.ledger.note([Arrival(*file.look, Way.INBOX, Outcome.REFUSED, reason=str(error))])
        why_not = self.quarantine.put(file, error, may_move=not self.inbox.leaves)
        report.refused[file.name] = str(error) if why_not is None else f"{error} It stays where it is: {why_not}."


def _changed(file: FoundFile) -> str:
    return f"{file.path} was changed or taken away since it was looked at; it is looked at again."
