"""One look at the inbox, and the taking of what is complete: what the sensor and `asr-pipeline watch` do alike."""

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from asr_pipeline.domain.inbox import FoundFile, in_order, read_cursor, write_cursor
from asr_pipeline.steps.ingest import IngestReport
from asr_pipeline.storage.inbox import Writers, writers
from asr_pipeline.wiring.storage import Storage

FILES_AT_ONCE = 200
LOOK_AGAIN_S = 0.5
MOST_S = 30.0  # a tick that is asked for by hand is waited for


@dataclass(frozen=True, slots=True)
class Taking:
    """What a look found and what became of it. `cursor` is for the next look."""

    report: IngestReport
    cursor: str
    found: int  # files that are to be taken, now or later
    left: int  # files that are known, and stay in the inbox
    closed: Mapping[str, str]  # folders that can't be looked into, each with why

    @property
    def unready(self) -> int:
        """Files that are not yet complete, or for a later look."""
        return self.found - len({*self.report.accepted, *self.report.refused, *self.report.waiting})


def take_files(storage: Storage, cursor: str | None, is_complete: Callable[[FoundFile, float], bool]) -> Taking:
    """Take the files that are as an earlier look saw them, and complete, most due first.

    `is_complete` is asked with the seconds for which a file has been seen unchanged. Hold the inbox's lock. Raises as
    `InboxFolder.look` and `Ingest.take`.
    """
    now_s = time.time()
    look = storage.inbox.look()
    before = read_cursor(cursor, now_s)
    pending = in_order(storage.ingest.sort_out(look.files), now_s)
    seen = (file for file in pending if file.digest in before)
    complete = list(itertools.islice((f for f in seen if is_complete(f, now_s - before[f.digest])), FILES_AT_ONCE))
    complete.sort(key=lambda file: not file.is_link)  # while the files that links lead to are still there
    report = storage.ingest.take(complete, most_s=MOST_S)
    remaining = (file for file in pending if file.name not in report.accepted and file.name not in report.refused)
    return Taking(
        report,
        write_cursor(remaining, before, now_s),
        found=len(pending),
        left=len(look.files) - len(pending),
        closed=dict(look.closed),
    )


def look_twice(storage: Storage, cursor: str | None, is_complete: Callable[[FoundFile, float], bool]) -> Taking:
    """Do as `take_files`, and a moment later take what this look saw first and what surely nobody writes to."""
    first = take_files(storage, cursor, is_complete)
    if not first.unready or first.report.accepted or first.report.waiting:
        return first
    time.sleep(LOOK_AGAIN_S)
    second = take_files(storage, first.cursor, lambda file, _: writers(file.path) is Writers.NONE)
    report = IngestReport(second.report.accepted, first.report.refused | second.report.refused, second.report.waiting)
    return replace(second, report=report, found=second.found + len(first.report.refused))
