"""A process that takes all registered recordings through the flow, and says what is done: one to kill.

Run as `python -m asr_pipeline_tests.e2e.flow_process RUN_ID`.
"""

import sys
from dataclasses import replace

from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.steps.flow import Flow
from asr_pipeline.wiring.pipeline import open_pipeline
from asr_pipeline_tests.e2e.tell_tale import TellTale


class Teller:
    """Says each thing that is done, on a line."""

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        print("heard", recording_id, speech_s, flush=True)  # noqa: T201 - who started this listens

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        print("done", results.recording.recording_id, stage, flush=True)  # noqa: T201

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:  # noqa: ARG002
        print("failed", recording_id, type(error).__name__, flush=True)  # noqa: T201


def main(run_id: str) -> None:
    with open_pipeline(load_settings()) as pipeline:
        pipeline.preload()
        ids = [row.recording.recording_id for row in pipeline.store.rows()]
        tools = replace(pipeline.tools, transcriber=TellTale(pipeline.tools.transcriber))
        flow = Flow(tools, pipeline.rules, pipeline.executor, Teller(), RunContext(run_id, "first"))
        report = flow.run(ids, Stage, resume=run_id != "first")
        print("end", len(report.done), len(report.failed), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
