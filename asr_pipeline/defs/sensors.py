"""Sensors: what starts runs by itself. Each can be evaluated by hand from the UI, where it does what it does always."""

import datetime as dt
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import covered, run_request, waiting_rows
from asr_pipeline.defs.dead_runs import close_dead_runs
from asr_pipeline.defs.jobs import process_recordings
from asr_pipeline.defs.pauses import ASKED_BY_TAG, pause_after_vain_runs
from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.inbox import (
    STILL_OPEN_WAIT_S,
    FoundFile,
    SizeClass,
    in_order,
    read_cursor,
    size_class,
    write_cursor,
)
from asr_pipeline.settings import load_settings
from asr_pipeline.steps.ingest import IngestReport
from asr_pipeline.storage.inbox import is_open_for_writing, only_one
from asr_pipeline.storage.text import storable
from asr_pipeline.wiring.storage import Storage, open_storage

FILES_A_TICK = 200
MOST_S_A_TICK = 30.0  # a tick that is asked for by hand is waited for
SIZE_TAG = "asr_pipeline/size"
PRIORITY_TAG = "dagster/priority"
# Before backfills and what people start, which have 0. A large run can't be overtaken for good: the next is not asked
# for while one is queued, and in what waits meanwhile age counts.
PRIORITIES = {SizeClass.SMALL: "3", SizeClass.MEDIUM: "2", SizeClass.LARGE: "1"}
NAMED_IN_FULL = 3
LANE_GRACE = dt.timedelta(seconds=60)  # small uploads are the gateway's to run; what it left so long, it won't
QUEUED = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED]


@dg.sensor(
    name="inbox",
    job=process_recordings,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes complete files from the inbox, and starts a run for what waits.",
)
def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Take files, then ask for a run. What a tick that died has left undone, the next does."""
    try:
        with open_storage(load_settings()) as storage, only_one(storage.inbox.lock_file) as alone:
            if not alone:
                return dg.SkipReason("Another process is taking files.")
            taken = _take_files(context, storage)
            close_dead_runs(context.instance, storage.store)
            request, why_not = _next_run(context.instance, storage)
    except TransientFailure as error:
        return dg.SkipReason(storable(str(error)))
    if request is not None:
        context.log.info("%s", taken.told)
        return dg.SensorResult(run_requests=[request], cursor=taken.cursor)
    return dg.SensorResult(skip_reason=" ".join(filter(None, [taken.told, why_not])), cursor=taken.cursor)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a tick did: text for people, and the cursor for the next."""

    told: str
    cursor: str


def _take_files(context: dg.SensorEvaluationContext, storage: Storage) -> _Taken:
    """Take the files that are complete, most due first."""
    now_s = time.time()
    look = storage.inbox.look()
    before = read_cursor(context.cursor, now_s)
    pending = in_order(storage.ingest.sort_out(look.files), now_s)
    complete = list(itertools.islice(_complete(pending, before, now_s), FILES_A_TICK))
    complete.sort(key=lambda file: not file.is_link)  # while the files that links lead to are still there
    report = storage.ingest.take(complete, most_s=MOST_S_A_TICK)
    for name, recording_id in report.accepted.items():
        context.log.info("Taken: %r is %s", name, recording_id)  # %r: names can be of any bytes
    for name, reason in report.refused.items():
        context.log.warning("Refused: %r: %s", name, storable(reason))
    for name, reason in report.waiting.items():
        context.log.warning("Left for later: %r: %s", name, storable(reason))
    told = _told(report, left=len(look.files) - len(pending), found=len(pending), closed=look.closed)
    remaining = (file for file in pending if file.name not in report.accepted and file.name not in report.refused)
    return _Taken(told, write_cursor(remaining, before, now_s))


def _complete(files: Sequence[FoundFile], before: Mapping[str, float], now_s: float) -> Iterator[FoundFile]:
    """Give the files that have not changed since the look before, and that nobody writes to as far as one can tell."""
    for file in files:
        if (since_s := before.get(file.digest)) is None:
            continue
        if now_s - since_s >= STILL_OPEN_WAIT_S or not is_open_for_writing(file.path):
            yield file


def _next_run(instance: dg.DagsterInstance, storage: Storage) -> tuple[dg.RunRequest | None, str]:
    """Give the run to ask for, or why none is."""
    before = dt.datetime.now(dt.UTC) - LANE_GRACE
    rows = waiting_rows(
        instance,
        RECORDINGS_PER_RUN,
        lambda: storage.store.left_to_sensors(above_bytes=storage.settings.lane_max_bytes, before=before),
    )
    if not rows:
        return None, ""
    queued = instance.get_runs(dg.RunsFilter(tags={ASKED_BY_TAG: inbox.name}, statuses=QUEUED), limit=1)
    if queued:
        return None, f"{len(rows)} recordings wait until run {queued[0].run_id[:8]} has left the queue."
    ids = [row.recording_id for row in rows]
    pause = pause_after_vain_runs(
        instance, inbox.name, lambda run: not covered(instance, [run]).isdisjoint(ids), f"{len(ids)} recordings"
    )
    if pause:
        return None, pause
    size = size_class(max(row.size_bytes for row in rows))
    tags = {ASKED_BY_TAG: inbox.name, SIZE_TAG: size.value, PRIORITY_TAG: PRIORITIES[size]}
    return run_request(instance, ids, tags=tags), ""


def _told(report: IngestReport, *, left: int, found: int, closed: Sequence[tuple[str, str]]) -> str:
    """Sum up a tick in a few words, with the first names of what needs a person's eye."""
    parts = []
    if report.accepted:
        parts.append(f"{len(report.accepted)} taken.")
    if report.refused:
        parts.append(f"{len(report.refused)} refused: {_named(report.refused)}")
    if report.waiting:
        parts.append(f"{len(report.waiting)} left for later: {_named(report.waiting)}")
    unready = found - len({*report.accepted, *report.refused, *report.waiting})
    if unready:
        parts.append(f"{unready} not yet complete, or for the next tick.")
    if left:
        parts.append(f"{left} known that stay in the inbox.")
    if closed:
        parts.append(f"Folders that can't be looked into: {_named(dict(closed))}")
    return " ".join(parts) or "The inbox is empty."


def _named(reasons: Mapping[str, str]) -> str:
    shown = "; ".join(
        f"{name!r}: {storable(reason)}" for name, reason in itertools.islice(reasons.items(), NAMED_IN_FULL)
    )
    return shown if len(reasons) <= NAMED_IN_FULL else f"{shown} …"


SENSORS = [inbox]
