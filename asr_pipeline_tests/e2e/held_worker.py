"""What a worker of a test does beside its work; Dask loads this into it (DASK_DISTRIBUTED__WORKER__PRELOAD).

As long as the file HELD_BY names is there, no span comes to an end. A recording called "poison" kills the worker. Each
span that came to an end stands in the file HEARD_IN.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.wiring import cluster_worker
from asr_pipeline_tests.e2e.tell_tale import POISON

LOOK_S = 0.02
_recognise = cluster_worker._recognise


def dask_setup(_: Any) -> None:  # noqa: ANN401 - Dask's worker
    """Put this in the place of what recognises."""
    cluster_worker._recognise = _held


def _held(transcriber: VoskTranscriber, span: Span, shared_audio: str | None) -> tuple[list[Utterance], float]:
    if span.recording_id.startswith(POISON):
        os.kill(os.getpid(), signal.SIGKILL)
    result = _recognise(transcriber, span, shared_audio)
    held_by = Path(os.environ["HELD_BY"])
    while held_by.exists():
        time.sleep(LOOK_S)
    with Path(os.environ["HEARD_IN"]).open("a") as file:
        file.write(f"{span.recording_id} {span.index}\n")
    return result
