"""The product with an engine that dies of recordings called "poison": the command line, and what its Dagster loads.

Run as `python -m asr_pipeline_tests.e2e.poisoned up …`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import dagster as dg

from asr_pipeline.cli import main, up
from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.resources import PipelineResource
from asr_pipeline.wiring.pipeline import Pipeline
from asr_pipeline_tests.e2e.tell_tale import TellTale


class PoisonedResource(PipelineResource):
    """The pipeline, its transcriber a tell-tale."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Pipeline]:
        with super().yield_for_execution(context) as pipeline:
            yield replace(pipeline, tools=replace(pipeline.tools, transcriber=TellTale(pipeline.tools.transcriber)))


if __name__ == "__main__":
    up.WORKSPACE = up.WORKSPACE.replace("asr_pipeline.definitions", "asr_pipeline_tests.e2e.poisoned")
    main.main()
else:
    defs = build_defs(pipeline=PoisonedResource())
