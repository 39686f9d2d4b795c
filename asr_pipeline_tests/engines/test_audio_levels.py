"""Levels and waveform: the same figures in whatever blocks the sound comes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_pipeline.engines.audio_levels import WAVEFORM_POINTS, Levels, Waveform


def test_levels_of_a_full_sine() -> None:
    levels = Levels(full_scale=0.9999)
    sine = np.sin(np.arange(48_000) * 2 * np.pi / 48).astype(np.float32)[np.newaxis]
    assert levels.add(sine)
    assert levels.peak_dbfs == pytest.approx(0, abs=0.001)
    assert levels.rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert levels.clipped_samples == 2_000  # one at each crest and trough


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 3e38])
def test_what_is_no_sound_is_told(value: float) -> None:
    assert not Levels(full_scale=1).add(np.array([[0, value, 0]], np.float32))


def test_nothing_is_silent() -> None:
    assert (Levels(1).peak_dbfs, Levels(1).rms_dbfs, Waveform().points) == (-120, -120, ())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40_000), max_size=12), st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_blocks_make_no_difference_to_the_waveform(lengths: list[int], seed: int, channels: int) -> None:
    sound = np.random.default_rng(seed).integers(-32_768, 32_767, (sum(lengths), channels), dtype=np.int16)
    whole, parts = Waveform(), Waveform()
    whole.add(sound)
    for block in np.split(sound, np.cumsum(lengths)):
        parts.add(block)
    assert whole.points == parts.points
    assert len(whole.points) <= 2 * WAVEFORM_POINTS
    if len(sound):
        lows, highs = zip(*whole.points, strict=True)
        assert min(lows) == pytest.approx(sound.min() / 32_768, abs=1e-4)
        assert max(highs) == pytest.approx(sound.max() / 32_768, abs=1e-4)


def test_a_click_stands_where_it_is() -> None:
    waveform = Waveform()
    for second in range(600):
        block = np.zeros((16_000, 1), np.int16)
        block[8_000] = 30_000 if second == 450 else 0
        waveform.add(block)
    highs = [high for _, high in waveform.points]
    assert WAVEFORM_POINTS <= len(highs) <= 2 * WAVEFORM_POINTS
    assert highs.index(max(highs)) / len(highs) == pytest.approx(450.5 / 600, abs=0.003)
    assert sum(high > 0 for high in highs) == 1
