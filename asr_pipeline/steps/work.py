"""A recording that is worked on, and its place in the window of those that are."""

import asyncio
from dataclasses import dataclass, field

from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import Claim


@dataclass
class Work:
    """A recording that is worked on: its results so far, and the stage it is in, for the report of a failure.

    `there` are stages that need not be computed; `trusts_spans` tells whether what was kept of its spans may be used.
    """

    results: RecordingResults
    claim: Claim
    stage: Stage = Stage.RAW_AUDIO
    there: set[Stage] = field(default_factory=set)
    trusts_spans: bool = False
    told_spans: set[int] = field(default_factory=set)

    @property
    def audio_s(self) -> float:
        """Length of the audio, 0 where it is not known."""
        return self.results.audio.duration_s if self.results.audio else 0.0


class Place:
    """A recording's place in the window. It may be left and taken again, each at most once at a time."""

    def __init__(self, window: asyncio.Semaphore) -> None:
        self._window = window
        self._taken = False

    async def take(self) -> None:
        """Take a place, if it has none; wait for one."""
        if not self._taken:
            await self._window.acquire()
            self._taken = True

    def leave(self) -> bool:
        """Leave the place to others; False where it was left already."""
        if not self._taken:
            return False
        self._taken = False
        self._window.release()
        return True
