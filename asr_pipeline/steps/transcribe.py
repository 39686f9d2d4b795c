"""Spans -> a transcript: they are recognised in parallel, and put back in the order of time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Transcript, Utterance, in_time_order
from asr_pipeline.ports import Transcriber

Recognise = Callable[[Path, Span], Awaitable[list[Utterance]]]


class _Places:
    """Lets at most `most()` in at a time."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._taken = 0
        self._change = asyncio.Condition()

    async def __aenter__(self) -> None:
        async with self._change:
            while self._taken >= max(1, self._most()):
                await self._change.wait()
            self._taken += 1

    async def __aexit__(self, *error: object) -> None:
        async with self._change:
            self._taken -= 1
            self._change.notify(max(1, self._most() - self._taken))


async def transcribe(
    recording_id: str,
    audio: Path,
    spans: Sequence[Span],
    transcriber: Transcriber,
    recognise: Recognise,
    *,
    spans_in_flight: Callable[[], int],
) -> Transcript:
    """Recognise the spans with `recognise`, at most `spans_in_flight` of them at a time.

    The bound keeps one long recording from filling the executor's queue before short ones behind it. It may change.
    """
    free = _Places(spans_in_flight)

    async def recognise_span(span: Span) -> list[Utterance]:
        async with free:
            return await recognise(audio, span)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(recognise_span(span)) for span in spans]
    except ExceptionGroup as failures:  # the others were cancelled: the first is what happened
        raise failures.exceptions[0] from None
    version = transcriber.version
    return Transcript(
        recording_id=recording_id,
        engine=version.engine,
        model=version.model,
        model_version=version.version,
        chunk_bytes=transcriber.chunk_bytes,
        utterances=in_time_order(utterance for task in tasks for utterance in task.result()),
    )
