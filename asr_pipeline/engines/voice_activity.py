"""Speech between pauses, by WebRTC's voice-activity detector: the only importer of webrtcvad.

Why this one: docs/adr/0004-voice-activity.md.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import webrtcvad

from asr_pipeline.domain.audio import SAMPLE_RATE_HZ
from asr_pipeline.domain.errors import EngineFailed
from asr_pipeline.domain.pauses import PauseRules, speech_stretches
from asr_pipeline.domain.segment import Segment
from asr_pipeline.engines.canonical_audio import CanonicalAudio

FRAME_MS = 30  # the longest that the detector takes: a third of the calls of 10 ms, as good in the benchmark
FRAME_SAMPLES = SAMPLE_RATE_HZ * FRAME_MS // 1000
FRAME_BYTES = 2 * FRAME_SAMPLES
BLOCK_FRAMES = 1000  # 30 s


@dataclass(frozen=True, slots=True)
class WebRtcDetector:
    """Implements `ports.VoiceDetector`. `aggressiveness`: 0 takes nearly all for speech, 3 only what surely is."""

    aggressiveness: int = 2
    min_pause_ms: int = 500
    padding_ms: int = 250
    min_speech_ms: int = 90
    max_segment_s: float = 30.0

    def detect(self, audio: Path) -> list[Segment]:
        """Give the segments of every channel, in order of start, then channel; indexed from 0."""
        rules = PauseRules(
            frame_ms=FRAME_MS,
            min_pause_ms=self.min_pause_ms,
            padding_ms=self.padding_ms,
            min_speech_ms=self.min_speech_ms,
            max_segment_s=self.max_segment_s,
        )
        with CanonicalAudio(audio) as source:
            channels = [_Channel(self.aggressiveness) for _ in range(source.channels)]
            for block in source.blocks(BLOCK_FRAMES * FRAME_SAMPLES):
                for index, channel in enumerate(channels):
                    channel.add(block[:, index])
            duration_s = source.duration_s
        found = [
            (start * FRAME_MS / 1000, index, min(end * FRAME_MS / 1000, duration_s))
            for index, channel in enumerate(channels)
            for start, end in speech_stretches(bytes(channel.speech), bytes(channel.levels), rules)
        ]
        return [Segment(number, channel, start, end) for number, (start, channel, end) in enumerate(sorted(found))]


def speech_and_levels(samples: npt.NDArray[np.int16], aggressiveness: int) -> tuple[bytes, bytes]:
    """Judge one channel as a whole: a byte a frame, speech or not, and its level in half decibels."""
    channel = _Channel(aggressiveness)
    channel.add(samples)
    return bytes(channel.speech), bytes(channel.levels)


class _Channel:
    """One channel's frames: two bytes for each 30 ms, which is 2.4 MB for ten hours."""

    def __init__(self, aggressiveness: int) -> None:
        self._detector = webrtcvad.Vad(aggressiveness)
        self.speech = bytearray()
        self.levels = bytearray()

    def add(self, samples: npt.NDArray[np.int16]) -> None:
        """Judge each frame; the last one of a recording is filled up with silence."""
        padded = np.zeros(-(-len(samples) // FRAME_SAMPLES) * FRAME_SAMPLES, np.int16)
        padded[: len(samples)] = samples
        pcm, is_speech = padded.tobytes(), self._detector.is_speech
        try:
            self.speech += bytes(
                [is_speech(pcm[at : at + FRAME_BYTES], SAMPLE_RATE_HZ) for at in range(0, len(pcm), FRAME_BYTES)]
            )
        except Exception as error:  # the bindings raise their own, bare
            raise EngineFailed(
                "webrtcvad",
                expected=f"frames of {FRAME_MS} ms to be judged",
                found=str(error),
                remedy="Try again; if it repeats, check the installation with `asr-pipeline doctor`.",
            ) from error
        frames = padded.reshape(-1, FRAME_SAMPLES).astype(np.float32)
        mean_squares = np.einsum("ij,ij->i", frames, frames) / FRAME_SAMPLES
        self.levels += (20 * np.log10(mean_squares + 1)).astype(np.uint8).tobytes()  # half decibels, 0 to 180
