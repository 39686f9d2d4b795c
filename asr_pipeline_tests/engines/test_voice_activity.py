"""Speech is found where it was put, on each channel, in noise too; its cuts fall into pauses."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asr_pipeline.domain.errors import UpstreamMissing
from asr_pipeline.engines.voice_activity import WebRtcDetector

pytestmark = pytest.mark.engine
Sound = np.ndarray[Any, np.dtype[np.int16]]
RATE_HZ = 16_000


def speech(samples: Path, number: int) -> Sound:
    return np.asarray(soundfile.read(samples / f"phrases-{number}.wav", dtype="int16")[0], np.int16)


def quiet(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def written(path: Path, sound: Sound) -> Path:
    soundfile.write(path, sound, RATE_HZ, format="FLAC", subtype="PCM_16")
    return path


def test_speech_is_found_between_pauses(samples: Path, tmp_path: Path) -> None:
    first, second = speech(samples, 1), speech(samples, 3)
    sound = np.concatenate([quiet(3), first, quiet(4), second, quiet(5)])
    segments = WebRtcDetector().detect(written(tmp_path / "a.flac", sound))
    assert [segment.index for segment in segments] == list(range(len(segments)))
    assert 2.4 < segments[0].start_s < 3.6
    gap_begins_s = 3 + len(first) / RATE_HZ
    assert not [s for s in segments if s.start_s < gap_begins_s + 2 < s.end_s]
    assert all(a.end_s <= b.start_s for a, b in pairwise(segments))
    assert segments[-1].end_s < len(sound) / RATE_HZ - 3


def test_silence_has_no_segments(tmp_path: Path) -> None:
    assert WebRtcDetector().detect(written(tmp_path / "a.flac", quiet(20))) == []


def test_channels_are_judged_apart(samples: Path, tmp_path: Path) -> None:
    left, right = speech(samples, 1), speech(samples, 3)
    sound = np.zeros((20 * RATE_HZ, 2), np.int16)
    sound[RATE_HZ : RATE_HZ + len(left), 0] = left
    sound[12 * RATE_HZ : 12 * RATE_HZ + len(right), 1] = right
    segments = WebRtcDetector().detect(written(tmp_path / "a.flac", sound))
    assert {segment.channel for segment in segments} == {0, 1}
    assert all(segment.end_s < 10 for segment in segments if segment.channel == 0)
    assert all(segment.start_s > 10 for segment in segments if segment.channel == 1)
    assert segments == sorted(segments, key=lambda s: (s.start_s, s.channel))


def test_no_segment_is_longer_than_the_limit(samples: Path, tmp_path: Path) -> None:
    trimmed = [
        s[np.flatnonzero(np.abs(s) > 300)[0] : np.flatnonzero(np.abs(s) > 300)[-1]]
        for s in (speech(samples, number) for number in (1, 2, 3, 4, 5, 6))
    ]
    sound = np.concatenate(trimmed)
    segments = WebRtcDetector(max_segment_s=10, min_pause_ms=2000).detect(written(tmp_path / "a.flac", sound))
    assert len(segments) >= 5
    assert all(segment.duration_s <= 10 for segment in segments)
    assert sum(segment.duration_s for segment in segments) > 0.85 * len(sound) / RATE_HZ


def test_missing_audio_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UpstreamMissing, match="Materialize raw_audio"):
        WebRtcDetector().detect(tmp_path / "gone.flac")
