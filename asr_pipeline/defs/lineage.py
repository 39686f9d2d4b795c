"""What the crashed runs before an automatic retry have left behind.

Re-materialising by hand always computes again. Only an automatic retry, or a re-execution from failure, goes on.
"""

import dagster as dg

from asr_pipeline.domain.stage import Stage

# Dagster's tags of a run that continues another; it exports no names for them.
RETRY_NUMBER_TAG = "dagster/retry_number"
RESUME_RETRY_TAG = "dagster/is_resume_retry"


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
    """Give the (recording, stage) pairs whose materialization a run has logged."""
    return frozenset(
        (materialization.partition, Stage(materialization.asset_key.to_user_string()))
        for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        if (materialization := entry.asset_materialization) is not None and materialization.partition is not None
    )
