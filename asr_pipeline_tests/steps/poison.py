"""Calls that harm the process they run in. They are sent to another, so they stand in a module of their own."""

import os
import resource
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Utterance, Word
from asr_pipeline.ports import EngineVersion


def pid() -> int:
    return os.getpid()


def nothing() -> None:
    """Do no harm."""


def be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def be_killed_until(there: Path) -> str:
    """Die, but only the first time."""
    if not there.exists():
        there.touch()
        be_killed()
    return "well"


def abort() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


def run_out_of_memory() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))
    return len(bytearray(2**31))


def hang() -> None:
    while True:
        time.sleep(3600)


def fail() -> None:
    raise UnreadableAudio("a.wav", expected="audio", found="text", remedy="Replace it.")


class _Unreadable(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def fail_unreadably() -> None:
    raise _Unreadable("odd ", "error")


@dataclass
class PoisonedTranscriber:
    """Hears "<recording> <segment>"; does harm where a recording's name says so.

    "kills" dies in any process, "kills-main" in that of the test alone; "hangs" and "hangs-main" likewise. "tough"
    dies as often as it can be tried.
    """

    main: int = field(default_factory=os.getpid)
    chunk_bytes: int = 8000

    @property
    def version(self) -> EngineVersion:
        return EngineVersion("fake", "poisoned", "1")

    def preload(self) -> None:
        """Have nothing to load."""

    def transcribe(self, audio: Path, span: Span) -> list[Utterance]:
        name, here = audio.stem.partition("_")[0], os.getpid() == self.main
        if name == "hangs" or (name == "hangs-main" and here):
            hang()
        if name == "kills" or (name == "kills-main" and here):
            be_killed()
        return [
            Utterance(0, segment.channel, (Word(audio.stem, segment.start_s, segment.end_s, 0.9),))
            for segment in span.segments
        ]


@dataclass
class PoisonedDecoder:
    """Probes; does harm where a file's name says so."""

    def decode(self, source: Path, destination: Path) -> AudioInfo:
        raise NotImplementedError

    def probe(self, source: Path) -> None:
        {"kills": be_killed, "hangs": hang, "bad": fail}.get(source.stem, pid)()
