"""Resources: the pipeline's engines and stores, and who hears of progress."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from pydantic import Field

from asr_pipeline.defs.own_process import note_process
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline


class PipelineResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Engines with preloaded models, the database and the files. Built from ASR_PIPELINE_ variables.

    What the step gets is the pipeline itself; a process that has one open puts it in this resource's place (`Lane`).
    """

    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings for this run alone, by name, for example {channels: split, beam_size: 4}.",
    )

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Pipeline]:
        """Open the database and load the models: a missing one fails the run before its first recording."""
        if context.instance is not None and context.run is not None:
            # First of all: loading takes seconds, and a run that is killed meanwhile must be found too.
            note_process(context.instance, context.run)
        with open_pipeline(load_settings(**self.overrides)) as pipeline:
            pipeline.preload()
            yield pipeline


class NoProgress:
    """Hears nothing: the default `progress`. The command line puts its progress bar in its place."""

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Ignore."""

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Ignore."""

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Ignore."""
