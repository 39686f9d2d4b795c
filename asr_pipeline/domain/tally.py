"""What is counted over all processes and runs, for monitoring. Names are those of the table `tallies`."""

from enum import StrEnum


class Tally(StrEnum):
    """A total that only grows; RUN_PEAK_BYTES alone is the last value."""

    STAGE_RECORDINGS = "stage_recordings"  # by stage: recordings that a stage was computed for
    STAGE_ENGINE_S = "stage_engine_s"  # by stage: engine time of these, seconds
    STAGE_AUDIO_S = "stage_audio_s"  # by stage: length of these, seconds
    FAILURES = "failures"  # by stage and kind of error: recordings that stopped
    WORDS = "words"  # words that were recognised
    WORD_CONFIDENCE = "word_confidence"  # sum of their confidences, each 0 to 1
    MEMORY_LOOKUPS = "memory_lookups"  # by kind, hit or miss: sentences looked for in the translation memory
    RUN_PEAK_BYTES = "run_peak_bytes"  # most resident memory of the process whose run ended last


LAST_VALUES = frozenset({Tally.RUN_PEAK_BYTES})
HIT, MISS = "hit", "miss"
