"""Speech that is recognised while it is spoken."""

from dataclasses import dataclass

from asr_pipeline.domain.transcript import Word

LIVE_RATES_HZ = range(16_000, 48_001)  # models are of 16 kHz: less can't be made more


@dataclass(frozen=True, slots=True)
class Heard:
    """What is heard so far of an utterance; or the words of one that has ended, whose text won't change any more."""

    partial: str = ""
    words: tuple[Word, ...] = ()
