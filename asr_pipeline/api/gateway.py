"""What every route works with: the pipeline with its models warm, Dagster's instance, and the lane."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from asr_pipeline.defs.dead_runs import close_dead_runs
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.lane import Lane
from asr_pipeline.settings import Settings
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline


@dataclass(frozen=True)
class Gateway:
    """One a process. Its parts may be shared by threads."""

    settings: Settings
    pipeline: Pipeline
    instance: dg.DagsterInstance
    lane: Lane


@contextmanager
def open_gateway(settings: Settings) -> Iterator[Gateway]:
    """Load the models, and close everything at the end, once the lane's run is done. Raises SetupError."""
    with open_pipeline(settings) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        pipeline.preload()
        close_dead_runs(instance, pipeline.store)
        lane = Lane(pipeline, instance)
        try:
            yield Gateway(settings, pipeline, instance, lane)
        finally:
            lane.close()
