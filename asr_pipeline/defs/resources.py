"""Resources: the pipeline's engines and stores, and who hears of progress."""

from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import Pipeline, build_pipeline


class PipelineResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Engines with preloaded models, the database and the files. Built from ASR_PIPELINE_ variables."""

    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings for this run alone, by name, for example {channels: split, beam_size: 4}.",
    )
    _pipeline: Pipeline = PrivateAttr()

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster's signature
        """Open the database and load the models: a missing one fails the run before its first recording."""
        self._pipeline = build_pipeline(load_settings(**self.overrides))
        self._pipeline.preload()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 - Dagster's signature
        """Close the database's connections."""
        self._pipeline.close()

    @property
    def pipeline(self) -> Pipeline:
        """The engines and stores of this run."""
        return self._pipeline


class NoProgress:
    """Hears nothing: the default `progress`. The command line puts its progress bar in its place."""

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Ignore."""

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Ignore."""

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Ignore."""
