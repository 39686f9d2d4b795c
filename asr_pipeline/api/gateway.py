"""What every route works with: the pipeline with its models warm, Dagster's instance, and the lane."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import dagster as dg

from asr_pipeline.api.measures import Measures
from asr_pipeline.api.resuming import resuming
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.daemon import daemon_is_alive
from asr_pipeline.defs.dead_runs import close_dead_runs
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.lane import Lane
from asr_pipeline.ports import RecordingRow
from asr_pipeline.settings import Settings
from asr_pipeline.steps.probing import IsolatedProbe
from asr_pipeline.storage.idempotency import SqlIdempotency
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline


@dataclass(frozen=True)
class Gateway:
    """One a process. Its parts may be shared by threads."""

    settings: Settings
    pipeline: Pipeline
    instance: dg.DagsterInstance
    lane: Lane
    idempotency: SqlIdempotency
    probe: IsolatedProbe
    measures: Measures

    def start(self, row: RecordingRow, request_id: str) -> None:
        """Have a recording run: in the lane if it is small, or if nobody else would; by the inbox's sensor otherwise.

        The sensor passes over what has failed.
        """
        is_small = row.recording.size_bytes <= self.settings.lane_max_bytes
        if is_small or row.state is RecordingState.FAILED or not daemon_is_alive(self.instance):
            self.lane.submit(row.recording.recording_id, request_id)

    def erase(self, recording: Recording) -> bool:
        """Erase a recording; False where a run works on it, or will."""
        if recording.recording_id in unfinished(self.instance):
            return False
        claim = self.pipeline.claims.claim(recording)
        if claim is None:
            return False
        try:
            self.pipeline.erase(recording)
        finally:
            claim.release()
        return True


@contextmanager
def open_gateway(settings: Settings) -> Iterator[Gateway]:
    """Load the models, and close everything at the end, once the lane's run is done. Raises SetupError."""
    measures = Measures()
    with (
        open_pipeline(settings) as pipeline,
        open_instance(pipeline.layout.dagster_home, capture_output=False) as instance,
    ):
        pipeline.preload()
        close_dead_runs(instance, pipeline.store)
        with Lane(pipeline, instance, measures) as lane, closing(IsolatedProbe(pipeline.tools.decoder)) as probe:
            probe.warm()
            with resuming(pipeline, instance, lane):
                yield Gateway(settings, pipeline, instance, lane, SqlIdempotency(pipeline.database), probe, measures)
