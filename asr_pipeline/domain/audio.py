"""What is known of a recording's audio. Canonical audio is 16 kHz, 16 bit: what recognizers are trained on."""

import math
from dataclasses import dataclass
from enum import StrEnum

SAMPLE_RATE_HZ = 16_000
SAMPLE_WIDTH_BYTES = 2
FULL_SCALE = 32_768
SILENCE_DBFS = -120.0  # reported for digital silence, which has no finite level


class ChannelMode(StrEnum):
    """What becomes of several channels."""

    MIX = "mix"  # averaged into one
    SPLIT = "split"  # kept apart: each channel is a speaker


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What decoding a source found, and where the canonical copy lies.

    `sample_rate_hz` and `channels` are the source's; `canonical_channels` is 1, or the source's where they are kept
    apart. `waveform` holds (lowest, highest) sample as fractions of full scale for equal parts of the recording.
    """

    path: str
    duration_s: float
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    canonical_channels: int
    peak_dbfs: float
    rms_dbfs: float
    clipped_samples: int
    waveform: tuple[tuple[float, float], ...]


def dbfs(amplitude: float) -> float:
    """Level of an amplitude given as a fraction of full scale, in dBFS; never below `SILENCE_DBFS`."""
    if amplitude <= 0:
        return SILENCE_DBFS
    return max(SILENCE_DBFS, 20 * math.log10(amplitude))
