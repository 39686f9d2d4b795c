"""Where spans are recognised: in this process's threads, or on a cluster.

Only recognition goes elsewhere: it is nine tenths of the time. Decoding needs the original, and translation joins
sentences of many recordings in one batch.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.ports import Cluster
from asr_pipeline.steps.engine_calls import EngineCall, EngineCalls
from asr_pipeline.steps.tools import FlowRules, Tools

logger = logging.getLogger(__name__)
Recognise = Callable[[EngineCall, Path, Span], Awaitable[tuple[list[Utterance], float]]]


class Recognition:
    """Recognises spans of a flow's recordings."""

    def __init__(self, tools: Tools, rules: FlowRules, engines: EngineCalls) -> None:
        self._cluster = tools.cluster
        self._transcriber = tools.transcriber
        self._spans_in_flight = rules.spans_in_flight
        self._engines = engines

    def spans_in_flight(self) -> int:
        """Give how many spans of a recording may be under way now."""
        return self._spans_in_flight if self._cluster is None else self._cluster.spans_in_flight

    @asynccontextmanager
    async def of(self, recording: Recording, audio: Path, spans: Sequence[Span]) -> AsyncIterator[Recognise]:
        """Give what recognises spans of a recording, whose audio is where it is needed meanwhile."""
        if self._cluster is None or not spans:
            yield self._here
            return
        await self._engines.in_thread(self._cluster.share, recording.recording_id, audio)
        try:
            # Small recordings first: their people wait for little.
            yield partial(self._elsewhere, self._cluster, -sum(span.speech_s for span in spans))
        finally:
            try:
                await self._engines.in_thread(self._cluster.withdraw, recording.recording_id)
            except TransientFailure as error:
                logger.warning("Audio that is not needed any more could not be removed: %s", error)

    async def _here(self, call: EngineCall, audio: Path, span: Span) -> tuple[list[Utterance], float]:
        return await self._engines.run(call, self._transcriber.transcribe, audio, span)

    async def _elsewhere(
        self, cluster: Cluster, priority: float, call: EngineCall, audio: Path, span: Span
    ) -> tuple[list[Utterance], float]:
        def begin(limit_s: float) -> "Future[tuple[list[Utterance], float]]":
            return cluster.recognise(span, limit_s=limit_s, priority=priority)

        return await self._engines.run_elsewhere(call, begin, self._transcriber.transcribe, audio, span)
