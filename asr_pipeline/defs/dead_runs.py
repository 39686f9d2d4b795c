"""Runs that were cut short: what they committed is told to Dagster, and they are closed.

A stage is committed in SQL, then told to Dagster. A process that is killed between the two leaves a result that the
UI does not show; nobody would tell it later, because it is done.
"""

import dagster as dg

from asr_pipeline.defs.backlog import is_dead
from asr_pipeline.defs.lineage import told_in
from asr_pipeline.defs.own_process import MAX_RETRIES_TAG, PROCESS_TAG, UNFINISHED, this_process
from asr_pipeline.defs.telling import tell
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RecordStore


def close_dead_runs(instance: dg.DagsterInstance, store: RecordStore) -> None:
    """Close the runs whose process was killed: as failed, so that the daemon starts them again, where it can."""
    message = "The process that executed this run has ended."
    for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED)):
        run = record.dagster_run
        if is_dead(record):
            tell_committed(instance, store, run)
            if run.tags.get(MAX_RETRIES_TAG) == "0":
                instance.report_run_canceled(run, message=message)
            else:
                instance.report_run_failed(run, message)


def tell_interrupted(instance: dg.DagsterInstance, store: RecordStore) -> None:
    """Tell what this process's last run had committed when Ctrl-C stopped it."""
    for run in instance.get_runs(dg.RunsFilter(tags={PROCESS_TAG: this_process()}), limit=1):
        tell_committed(instance, store, run)


def tell_committed(instance: dg.DagsterInstance, store: RecordStore, run: dg.DagsterRun) -> None:
    """Tell Dagster of stages that a run has committed but not told."""
    committed = store.stages_done_in(run.root_run_id or run.run_id)
    untold: dict[str, set[Stage]] = {}
    for recording_id, stage in committed - told_in(instance, run.run_id):
        untold.setdefault(recording_id, set()).add(stage)
    for recording_id, stages in sorted(untold.items()):
        tell(instance, store, recording_id, stages)
