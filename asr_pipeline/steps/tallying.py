"""Counts what flows do, whichever process they run in: stages, failures, words, hits of the translation memory."""

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.tally import HIT, MISS, Tally
from asr_pipeline.ports import EngineVersion, FlowListener, TranslationMemory

logger = logging.getLogger(__name__)


class Tallies(Protocol):
    """Keeps totals. May be shared by threads; a failure to keep them never stops the work that is counted."""

    def add(self, tally: Tally, value: float = 1, *, stage: str = "", kind: str = "") -> None:
        """Add to a total."""
        ...


class TallyListener:
    """Implements `ports.FlowListener`: counts, then passes on."""

    def __init__(self, tallies: Tallies, also: FlowListener) -> None:
        self._tallies = tallies
        self._also = also

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Pass on: a stage is counted once it is done."""
        self._also.speech_recognised(recording_id, speech_s)

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Count a stage, unless its result was there already."""
        seconds = results.seconds.get(stage)
        if seconds is not None:
            logger.info("%s: %s in %.3f s", results.recording.recording_id, stage, seconds)
            self._tallies.add(Tally.STAGE_RECORDINGS, stage=stage.value)
            self._tallies.add(Tally.STAGE_ENGINE_S, seconds, stage=stage.value)
            if results.audio is not None:
                self._tallies.add(Tally.STAGE_AUDIO_S, results.audio.duration_s, stage=stage.value)
            if stage is Stage.TRANSCRIPTS and results.transcript is not None and results.transcript.word_count:
                words = results.transcript.word_count
                self._tallies.add(Tally.WORDS, words)
                self._tallies.add(Tally.WORD_CONFIDENCE, words * (results.transcript.mean_confidence or 0.0))
        self._also.stage_done(stage, results)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Count a failure."""
        self._tallies.add(Tally.FAILURES, stage=stage.value, kind=type(error).__name__)
        self._also.recording_failed(recording_id, stage, error)


class CountedMemory:
    """A translation memory whose hits are counted."""

    def __init__(self, memory: TranslationMemory, tallies: Tallies) -> None:
        self._memory = memory
        self._tallies = tallies

    def recall(self, sentences: Sequence[str], source: str, target: str, version: EngineVersion) -> dict[str, str]:
        """Give what is known of these sentences."""
        known = self._memory.recall(sentences, source, target, version)
        self._tallies.add(Tally.MEMORY_LOOKUPS, len(known), kind=HIT)
        self._tallies.add(Tally.MEMORY_LOOKUPS, len(set(sentences)) - len(known), kind=MISS)
        return known

    def remember(self, pairs: Mapping[str, str], source: str, target: str, version: EngineVersion) -> None:
        """Keep translations."""
        self._memory.remember(pairs, source, target, version)
