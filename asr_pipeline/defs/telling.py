"""Tells Dagster of results that SQL has and Dagster lacks, outside of any run."""

from collections.abc import Iterable

import dagster as dg

from asr_pipeline.defs.checks import evaluations
from asr_pipeline.defs.listener import materialization
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RecordStore


def tell(instance: dg.DagsterInstance, store: RecordStore, recording_id: str, stages: Iterable[Stage]) -> None:
    """Tell of stages of a recording, in their order, with their checks."""
    results = _stored(store, recording_id)
    for stage in sorted(stages, key=lambda one: one.order):
        instance.report_runless_asset_event(materialization(stage, results))
        for evaluation in evaluations(stage, results):
            instance.report_runless_asset_event(evaluation)


def _stored(store: RecordStore, recording_id: str) -> RecordingResults:
    done = store.stages_done([recording_id])[recording_id]
    return RecordingResults(
        store.recording(recording_id),
        audio=store.audio(recording_id),
        segments=store.segments(recording_id) if Stage.SEGMENTS in done else None,
        transcript=store.transcript(recording_id),
        translations=store.translations(recording_id) if Stage.TRANSLATIONS in done else None,
        subtitles=store.subtitles(recording_id) if Stage.SUBTITLES in done else None,
    )
