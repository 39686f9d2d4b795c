"""What still has to be run: which recordings wait, which unfinished runs cover, and how a run is asked for."""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import dagster as dg

from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, STEP, add_partitions, partitions_of_run
from asr_pipeline.defs.jobs import JOBS
from asr_pipeline.defs.own_process import PROCESS_TAG, UNFINISHED, process_is_gone
from asr_pipeline.defs.partitions import recordings
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.inbox import score
from asr_pipeline.storage.backlog import Unprocessed
from asr_pipeline.storage.records import SqlRecordStore

PARTITION_TAG = "dagster/partition"  # of a run of one recording; Dagster exports no name for it
BATCH_TAG = "asr_pipeline/batch"  # a hash of the recordings that a run was asked for
NAMED_AFTER_S = 600.0  # of a machine that swaps
NEVER_STARTED_AFTER_S = 900  # a run that was made and not launched for so long never will be: its maker died


def unfinished(instance: dg.DagsterInstance) -> frozenset[str]:
    """Give the recordings that queued or running runs cover, whichever stages those do; a dead run covers none."""
    return covered(instance, unfinished_runs(instance))


def unfinished_runs(instance: dg.DagsterInstance, tags: Mapping[str, str] | None = None) -> list[dg.DagsterRun]:
    """Give the queued and running runs, those of dead processes left out."""
    records = instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED, tags=tags))
    return [record.dagster_run for record in records if not _abandoned(record)]


def covered(
    instance: dg.DagsterInstance,
    runs: Iterable[dg.DagsterRun],
    step: str = STEP,
    partitions: dg.DynamicPartitionsDefinition = recordings,
) -> frozenset[str]:
    """Give what runs cover: ranges in the order of the partitions, keys from the step's configuration."""
    found: set[str] = set()
    ranges: list[tuple[str, str]] = []
    for run in runs:
        if RANGE_START_TAG in run.tags and RANGE_END_TAG in run.tags:
            ranges.append((run.tags[RANGE_START_TAG], run.tags[RANGE_END_TAG]))
        if PARTITION_TAG in run.tags:
            found.add(run.tags[PARTITION_TAG])
        found.update(_configured_keys(run.run_config, step))
    if ranges:
        known = instance.get_dynamic_partitions(str(partitions.name))
        places = {key: place for place, key in enumerate(known)}
        for first, last in ranges:
            if first in places and last in places:  # else a partition was deleted since: nothing of it can be run
                found.update(known[places[first] : places[last] + 1])
    return frozenset(found)


def waiting(
    store: SqlRecordStore, instance: dg.DagsterInstance, limit: int, ways: Iterable[Way] | None = None
) -> list[str]:
    """Give recordings that are in progress and that no unfinished run covers, at most `limit`, most due first.

    `ways`: only those that came so. The runs are asked before the store: what one of them finishes in between is done
    then, and not asked for again.
    """
    return [one.recording_id for one in waiting_rows(instance, lambda: store.unprocessed(ways))[:limit]]


def waiting_rows(instance: dg.DagsterInstance, in_progress: Callable[[], list[Unprocessed]]) -> list[Unprocessed]:
    """Give all that `waiting` chooses from, with sizes, of what a store gives as in progress."""
    busy = unfinished(instance)
    rows = [row for row in in_progress() if row.recording_id not in busy]
    now_s = max((row.registered_at.timestamp() for row in rows), default=0.0)  # any moment orders them alike
    rows.sort(key=lambda row: -score(row.size_bytes, now_s - row.registered_at.timestamp()))
    return rows


def run_request(
    instance: dg.DagsterInstance,
    recording_ids: Sequence[str],
    *,
    run_key: str | None = None,
    job_name: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> dg.RunRequest:
    """Ask for one run over recordings: a range of partitions where they are one, a list of keys otherwise.

    It computes what is missing: what a run that crashed or failed has committed stays.
    Partitions that are missing are added at once, in bulk: only then is it known whether they are a range.
    Where no run key is given it is the same for the same recordings until such a run was made: who asks twice at once
    gets one run, and what a crashed run left can be asked for again.
    """
    add_partitions(instance, recording_ids)
    known = instance.get_dynamic_partitions(str(recordings.name))
    range_tags, config = partitions_of_run(known, recording_ids)
    batch = hashlib.sha256("\n".join([job_name or "", *sorted(recording_ids)]).encode()).hexdigest()[:16]
    earlier = instance.get_runs_count(dg.RunsFilter(tags={BATCH_TAG: batch}))
    return dg.RunRequest(
        run_key=run_key or f"{batch}-{earlier}",
        job_name=job_name,
        run_config={"ops": {STEP: {"config": {**config, "only_missing": True}}}},
        tags={BATCH_TAG: batch, **range_tags, **(tags or {})},
    )


def is_dead(record: dg.RunRecord) -> bool:
    """Tell whether a run's process has ended, also where it ended before it could say which it was.

    A run of recordings says so first of all, within seconds.
    """
    run = record.dagster_run
    of_recordings = run.job_name in {job.name for job in JOBS} or not {PARTITION_TAG, RANGE_START_TAG}.isdisjoint(
        run.tags
    )
    nameless = run.status is dg.DagsterRunStatus.STARTED and PROCESS_TAG not in run.tags and of_recordings
    return process_is_gone(run) or (nameless and _age_s(record.start_time) > NAMED_AFTER_S)


def _abandoned(record: dg.RunRecord) -> bool:
    created_s = record.create_timestamp.timestamp()
    never_started = record.dagster_run.status is dg.DagsterRunStatus.NOT_STARTED
    return is_dead(record) or (never_started and _age_s(created_s) > NEVER_STARTED_AFTER_S)


def _age_s(since_s: float | None) -> float:
    """Give how long ago a moment was, or will be: one of the future is from before the clock was set back."""
    return 0.0 if since_s is None else abs(time.time() - since_s)


def _configured_keys(run_config: object, step: str) -> list[str]:
    """Give the keys in a run's configuration, which a person may have written."""
    value = run_config
    for name in ("ops", step, "config", "keys"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return [key for key in value if isinstance(key, str)] if isinstance(value, list) else []
