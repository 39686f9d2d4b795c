"""Speech between pauses, by WebRTC's voice-activity detector: the only importer of webrtcvad.

In noise the detector passes over quiet voices, so a frame that stands out of the noise around it, in the band of
voices' lowest formant, is speech too: better some noise recognised than a word lost. Why this one and why so:
docs/adr/0004-voice-activity.md.
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
BLOCK_FRAMES = 100  # 3 s: larger arrays are mapped anew each time, which costs more than the calls saved
VOICE_BAND_STEP = 8  # means of 8 samples, differenced: what is left is mostly between 200 and 1,000 Hz
STANDS_OUT_DB = 3.0
QUIETEST_VOICE_DB = 25  # above one step of 16 bits squared, so about -65 dBFS: the hiss of an idle input is below it
NOISE_PERCENTILE = 10  # pauses are at least a tenth of ten seconds of talk
NOISE_WINDOW_FRAMES = 166  # 5 s to either side
NOISE_STEP_FRAMES = 33  # the noise is measured anew each second


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
            for start, end in speech_stretches(channel.speech_or_standing_out(), bytes(channel.levels), rules)
        ]
        return [Segment(number, channel, start, end) for number, (start, channel, end) in enumerate(sorted(found))]


def speech_and_levels(samples: npt.NDArray[np.int16], aggressiveness: int) -> tuple[bytes, bytes]:
    """Judge one channel as a whole: a byte a frame, speech or not, and its level in half decibels."""
    channel = _Channel(aggressiveness)
    channel.add(samples)
    return channel.speech_or_standing_out(), bytes(channel.levels)


class _Channel:
    """One channel's frames: three bytes for each 30 ms, which is 3.6 MB for ten hours."""

    def __init__(self, aggressiveness: int) -> None:
        self._detector = webrtcvad.Vad(aggressiveness)
        self.speech = bytearray()
        self.levels = bytearray()  # half decibels, 0 to 180
        self._voice_levels = bytearray()  # the same of the band of voices

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
        self.levels += _half_decibels(frames)
        means = frames.reshape(-1, VOICE_BAND_STEP).mean(axis=1)
        voices = np.diff(means, prepend=means[:1])
        self._voice_levels += _half_decibels(voices.reshape(len(frames), -1))

    def speech_or_standing_out(self) -> bytes:
        """Give the detector's frames and those that stand out of the noise around them: 1 for speech, 0 for none."""
        levels = np.frombuffer(self._voice_levels, np.uint8)
        least = np.empty(len(levels), np.float32)
        for start in range(0, len(levels), NOISE_STEP_FRAMES):
            around = levels[max(0, start - NOISE_WINDOW_FRAMES) : start + NOISE_STEP_FRAMES + NOISE_WINDOW_FRAMES]
            noise = np.partition(around, len(around) * NOISE_PERCENTILE // 100)[len(around) * NOISE_PERCENTILE // 100]
            least[start : start + NOISE_STEP_FRAMES] = max(noise + 2 * STANDS_OUT_DB, 2 * QUIETEST_VOICE_DB)
        return bytes((np.frombuffer(self.speech, np.uint8) | (levels >= least)).tobytes())


def _half_decibels(frames: npt.NDArray[np.float32]) -> bytes:
    """Level of each frame above one step of 16 bits, in half decibels."""
    mean_squares = np.einsum("ij,ij->i", frames, frames) / frames.shape[1]
    return bytes((20 * np.log10(mean_squares + 1)).astype(np.uint8).tobytes())
