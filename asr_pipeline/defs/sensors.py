"""Sensors: what starts runs by itself. Each can be evaluated by hand from the UI, where it does what it does always."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence

import dagster as dg

from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import covered, run_request, waiting_rows
from asr_pipeline.defs.dead_runs import close_dead_runs
from asr_pipeline.defs.jobs import process_recordings
from asr_pipeline.defs.own_process import UNFINISHED
from asr_pipeline.defs.sensor_pauses import ASKED_BY_TAG, pause_after_vain_runs
from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.inbox import (
    STILL_OPEN_WAIT_S,
    FoundFile,
    SizeClass,
    size_class,
)
from asr_pipeline.settings import load_settings
from asr_pipeline.steps.ingest import IngestReport
from asr_pipeline.storage.backlog import Unprocessed
from asr_pipeline.storage.inbox import Writers, only_one, writers
from asr_pipeline.storage.text import storable
from asr_pipeline.wiring.storage import Storage, open_storage
from asr_pipeline.wiring.taking import Taking, look_twice

SIZE_TAG = "asr_pipeline/size"
SHORT, LONG = {SIZE_TAG: SizeClass.SMALL.value}, {"asr_pipeline/long": "yes"}  # instance.yaml limits the second
PRIORITY_TAG = "dagster/priority"
# Before backfills and what people start, which have 0. A long run can't be overtaken for good: no other is asked for
# while it is its turn, and in what waits meanwhile age counts.
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
            taken = look_twice(storage, context.cursor, _is_complete)
            close_dead_runs(context.instance, storage.store)
            request, why_not = _next_run(context.instance, storage)
    except TransientFailure as error:
        return dg.SkipReason(storable(str(error)))
    _log(context, taken.report)
    told = _told(taken)
    if request is not None:
        context.log.info("%s", told)
        return dg.SensorResult(run_requests=[request], cursor=taken.cursor)
    return dg.SensorResult(skip_reason=" ".join(filter(None, [told, why_not])), cursor=taken.cursor)


def _is_complete(file: FoundFile, unchanged_s: float) -> bool:
    """Tell whether nobody writes to a file, as far as one can tell."""
    return unchanged_s >= STILL_OPEN_WAIT_S or writers(file.path) is not Writers.SOME


def _log(context: dg.SensorEvaluationContext, report: IngestReport) -> None:
    for name, recording_id in report.accepted.items():
        context.log.info("Taken: %r is %s", name, recording_id)  # %r: names can be of any bytes
    for name, reason in report.refused.items():
        context.log.warning("Refused: %r: %s", name, storable(reason))
    for name, reason in report.waiting.items():
        context.log.warning("Left for later: %r: %s", name, storable(reason))


def _next_run(instance: dg.DagsterInstance, storage: Storage) -> tuple[dg.RunRequest | None, str]:
    """Give the run to ask for, or why none is."""
    before = dt.datetime.now(dt.UTC) - LANE_GRACE
    rows = waiting_rows(
        instance,
        lambda: storage.store.left_to_sensors(above_bytes=storage.settings.lane_max_bytes, before=before),
    )
    short = [row for row in rows if size_class(row.size_bytes) is SizeClass.SMALL]
    long = [row for row in rows if size_class(row.size_bytes) is not SizeClass.SMALL]
    why_not = []
    for some in (short, long):
        request, reason = _run_of(instance, some[:RECORDINGS_PER_RUN])
        if request is not None:
            return request, ""
        why_not.append(reason)
    return None, " ".join(filter(None, why_not))


def _run_of(instance: dg.DagsterInstance, rows: Sequence[Unprocessed]) -> tuple[dg.RunRequest | None, str]:
    """Give a run over recordings that are all short, or all long, or why none is to be asked for."""
    if not rows:
        return None, ""
    size = size_class(max(row.size_bytes for row in rows))
    asked = {ASKED_BY_TAG: inbox.name} | (SHORT if size is SizeClass.SMALL else LONG)
    ahead = _ahead(instance, asked)
    if ahead is not None:
        return None, f"{len(rows)} recordings wait until run {ahead.run_id[:8]} has left the queue."
    ids = [row.recording_id for row in rows]
    pause = pause_after_vain_runs(
        instance, asked, lambda run: not covered(instance, [run]).isdisjoint(ids), f"{len(ids)} recordings"
    )
    if pause:
        return None, pause
    return run_request(instance, ids, tags={**asked, SIZE_TAG: size.value, PRIORITY_TAG: PRIORITIES[size]}), ""


def _ahead(instance: dg.DagsterInstance, asked: Mapping[str, str]) -> dg.DagsterRun | None:
    """Give the run that has to leave the queue first: one of the same kind, or a long one whose place is free.

    Short runs have the higher priority: asked for without end, they would let a long one never have its turn.
    """
    alike = instance.get_runs(dg.RunsFilter(tags=dict(asked), statuses=QUEUED), limit=1)
    if alike or LONG.items() <= asked.items():
        return next(iter(alike), None)
    longs = instance.get_runs(dg.RunsFilter(tags={ASKED_BY_TAG: inbox.name, **LONG}, statuses=UNFINISHED))
    is_its_turn = all(run.status in QUEUED for run in longs)
    return next(iter(longs), None) if is_its_turn else None


def _told(taking: Taking) -> str:
    """Sum up a tick in a few words, with the first names of what needs a person's eye."""
    report, parts = taking.report, []
    if report.accepted:
        parts.append(f"{len(report.accepted)} taken.")
    if report.refused:
        parts.append(f"{len(report.refused)} refused: {_named(report.refused)}")
    if report.waiting:
        parts.append(f"{len(report.waiting)} left for later: {_named(report.waiting)}")
    if taking.unready:
        parts.append(f"{taking.unready} not yet complete, or for the next tick.")
    if taking.left:
        parts.append(f"{taking.left} known that stay in the inbox.")
    if taking.closed:
        parts.append(f"Folders that can't be looked into: {_named(taking.closed)}")
    return " ".join(parts) or "The inbox is empty."


def _named(reasons: Mapping[str, str]) -> str:
    shown = "; ".join(
        f"{name!r}: {storable(reason)}" for name, reason in itertools.islice(reasons.items(), NAMED_IN_FULL)
    )
    return shown if len(reasons) <= NAMED_IN_FULL else f"{shown} …"


SENSORS = [inbox]
