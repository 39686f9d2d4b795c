"""Runs that were cut short: what they committed is told to Dagster, and they are closed.

A stage is committed in SQL, then told to Dagster. A process that is killed between the two leaves a result that the
UI does not show; nobody would tell it later, because it is done.
"""

import dagster as dg

from asr_pipeline.defs.checks import evaluations
from asr_pipeline.defs.lineage import told_in
from asr_pipeline.defs.listener import materialization
from asr_pipeline.defs.own_process import MAX_RETRIES_TAG, PROCESS_TAG, UNFINISHED, process_is_gone, this_process
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RecordStore


def close_dead_runs(instance: dg.DagsterInstance, store: RecordStore) -> None:
    """Close the runs whose process was killed: as failed, so that the daemon starts them again, where it can."""
    message = "The process that executed this run has ended."
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)):
        if process_is_gone(run):
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
    for recording_id, stage in sorted(committed - told_in(instance, run.run_id)):
        results = _results(store, recording_id)
        instance.report_runless_asset_event(materialization(stage, results))
        for evaluation in evaluations(stage, results):
            instance.report_runless_asset_event(evaluation)


def _results(store: RecordStore, recording_id: str) -> RecordingResults:
    done = store.stages_done([recording_id])[recording_id]
    return RecordingResults(
        store.recording(recording_id),
        audio=store.audio(recording_id),
        segments=store.segments(recording_id) if Stage.SEGMENTS in done else None,
        transcript=store.transcript(recording_id),
        translations=store.translations(recording_id) if Stage.TRANSLATIONS in done else None,
        subtitles=store.subtitles(recording_id) if Stage.SUBTITLES in done else None,
    )
