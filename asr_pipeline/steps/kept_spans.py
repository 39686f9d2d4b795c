"""A long recording's spans are kept as they are recognised, so that a run after a crash goes on there."""

import hashlib
from collections.abc import Sequence

from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.ports import SpanStore, Transcriber

WORTH_KEEPING_SPANS = 5  # fewer are recognised anew in seconds: short recordings cost no commit of their own


class KeptSpans:
    """What was recognised of one recording so far; nothing is kept of a short one.

    `trusted` says whether what another run has left may be used; it is removed otherwise.
    """

    def __init__(
        self, store: SpanStore, recording_id: str, spans: Sequence[Span], made_with: str, *, trusted: bool
    ) -> None:
        self._store = store
        self._recording_id = recording_id
        self._made_with = made_with
        self._worth_it = len(spans) >= WORTH_KEEPING_SPANS
        self._known: dict[int, list[Utterance]] = {}
        if self._worth_it and trusted:
            self._known = dict(store.recall(recording_id, made_with))
        elif self._worth_it:
            store.forget(recording_id)

    def recall(self, span: Span) -> list[Utterance] | None:
        """Give what was recognised of a span; None where it has to be recognised."""
        return self._known.get(span.index)

    def keep(self, span: Span, utterances: list[Utterance]) -> None:
        """Commit what was recognised of a span."""
        if self._worth_it:
            self._store.keep(self._recording_id, span.index, utterances, self._made_with)
            self._known[span.index] = utterances


def made_with(
    recording: Recording, audio: AudioInfo | None, spans: Sequence[Span], transcriber: Transcriber, settings: str
) -> str:
    """Give a hash of all that the spans' results depend on: bytes, decoding, where it is cut, model, settings."""
    parts = (recording.sha256, audio, tuple(spans), transcriber.version, transcriber.chunk_bytes, settings)
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()
