"""A transcriber that says what it does, and may kill its process. It crosses processes: hence a module of its own."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.ports import EngineVersion, Transcriber

POISON = "poison"
GLUTTON = "glutton"
BITE_BYTES = 16 << 20


@dataclass(frozen=True)
class TellTale:
    """Does as `inner` does. Where a recording is called "poison", whoever recognises it dies.

    Of one called "glutton" it takes memory until there is none: start it where the system sets a limit.
    """

    inner: Transcriber

    @property
    def version(self) -> EngineVersion:
        return self.inner.version

    @property
    def chunk_bytes(self) -> int:
        return self.inner.chunk_bytes

    def preload(self) -> None:
        self.inner.preload()

    def transcribe(self, audio: Path, span: Span) -> list[Utterance]:
        if span.recording_id.startswith(POISON):
            os.kill(os.getpid(), signal.SIGKILL)
        eaten: list[bytearray] = []
        while span.recording_id.startswith(GLUTTON):
            eaten.append(bytearray(BITE_BYTES))
        utterances = self.inner.transcribe(audio, span)
        print("recognised", span.recording_id, span.index, flush=True)  # noqa: T201 - who started this listens
        return utterances
