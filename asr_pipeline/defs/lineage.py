"""What the crashed runs before an automatic retry have left behind.

Re-materialising by hand always computes again. Only an automatic retry, or a re-execution from failure, goes on.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.standing import in_chunks

# Dagster's tags of a run that continues another; it exports no names for them.
RETRY_NUMBER_TAG = "dagster/retry_number"
RESUME_RETRY_TAG = "dagster/is_resume_retry"
RECORDS_AT_A_TIME = 1000


def is_automatic_retry(run: dg.DagsterRun) -> bool:
    """Tell whether this run continues a crashed one."""
    return RETRY_NUMBER_TAG in run.tags or run.tags.get(RESUME_RETRY_TAG) == "true"


def told_by_earlier_runs(instance: dg.DagsterInstance, run: dg.DagsterRun) -> frozenset[tuple[str, Stage]]:
    """Give the (recording, stage) pairs whose materialization an earlier run of this chain has logged."""
    group = instance.get_run_group(run.run_id)
    if group is None:
        return frozenset()
    return frozenset(
        pair for earlier in group[1] if earlier.run_id != run.run_id for pair in told_in(instance, earlier.run_id)
    )


def told_in(instance: dg.DagsterInstance, run_id: str) -> frozenset[tuple[str, Stage]]:
    """Give the (recording, stage) pairs whose materialization a run has logged, and that the catalogue knows of.

    Dagster writes a run's log first and the catalogue next: a process that is killed in between is in one of them.
    """
    logged: dict[Stage, set[str]] = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        materialization = entry.asset_materialization
        if materialization is not None and materialization.partition is not None:
            stage = Stage(materialization.asset_key.to_user_string())
            logged.setdefault(stage, set()).add(materialization.partition)
    return frozenset(
        (key, stage)
        for stage, keys in logged.items()
        for some in in_chunks(sorted(keys))
        for key in _in_catalogue(instance, run_id, stage, some)
    )


def _in_catalogue(instance: dg.DagsterInstance, run_id: str, stage: Stage, keys: Sequence[str]) -> Iterator[str]:
    """Give the keys of which the catalogue has a materialization by a run."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(stage.value), asset_partitions=list(keys))
    cursor: str | None = None
    while True:
        result = instance.fetch_materializations(wanted, limit=RECORDS_AT_A_TIME, cursor=cursor)
        yield from (one.partition_key for one in result.records if one.run_id == run_id and one.partition_key)
        if not result.has_more:
            return
        cursor = result.cursor
