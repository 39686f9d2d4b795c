"""Vosk over sound that comes bit by bit: what is heard so far, and the words of each utterance as it ends."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from asr_pipeline.domain.audio import SAMPLE_RATE_HZ
from asr_pipeline.domain.live import Heard
from asr_pipeline.engines.recognizer import (
    DEFAULT_CHUNK_BYTES,
    accept,
    heard,
    heard_so_far,
    load_model,
    recognizer_over,
    words_of,
)


class VoskLive:
    """Implements `ports.LiveTranscriber`. One for each stream; not to be used by two threads at once."""

    def __init__(self, model_dir: Path, phrases: tuple[str, ...] = (), *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        self._phrases = phrases
        self._recognizer: Any = recognizer_over(load_model(model_dir), phrases, sample_rate_hz)

    def accept(self, pcm: bytes) -> list[Heard]:
        """Take the next bytes, whole samples; give the utterances that ended, then what is heard of the next one."""
        ended: list[Heard] = []
        for start in range(0, len(pcm), DEFAULT_CHUNK_BYTES):  # in one piece, a long part would end no utterance
            if accept(self._recognizer, pcm[start : start + DEFAULT_CHUNK_BYTES]):
                ended += self._ended(self._recognizer.Result())
        return [*ended, Heard(partial=heard_so_far(self._recognizer.PartialResult()))]

    def finish(self) -> list[Heard]:
        """Give the last utterance, if there is one: nothing more comes."""
        return list(self._ended(self._recognizer.FinalResult()))

    def _ended(self, result: str) -> Iterator[Heard]:
        if words := words_of(heard(result, self._phrases), offset_s=0, limit_s=math.inf):
            yield Heard(words=words)
