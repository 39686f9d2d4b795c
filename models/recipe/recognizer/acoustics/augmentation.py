"""What rooms, microphones, telephones and other voices do to speech, at random.

One call makes one copy of an utterance; a copy's number is part of its seed, so that copy 2 differs from copy 1 and
is the same in every run. Word times follow the speech when it is stretched or shifted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.features import SAMPLE_RATE_HZ

Signal = npt.NDArray[np.float64]
Times = tuple[tuple[float, float], ...]
"""(start, end) in seconds, a pair a word."""

_WARP_NUMERATOR = 50
_WARP_DENOMINATORS = (42, 60)
"""Resampling by 50/42 to 50/59 moves tempo, pitch and formants together by -16 % to +19 %."""

_EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class Augmented:
    """Samples in [-1, 1] at 16 kHz, and where the words went."""

    samples: npt.NDArray[np.float32]
    words: Times


def augment(generator: np.random.Generator, samples: Signal, words: Times, babble: Sequence[Signal] = ()) -> Augmented:
    """Change speech as the world would. `babble`: other voices to mix behind it."""
    if generator.random() < 0.75:
        samples, words = _warp(samples, words, int(generator.integers(*_WARP_DENOMINATORS)))
    lead_s = generator.uniform(0.05, 0.6)
    tail_s = generator.uniform(0.15, 0.7)
    samples = np.concatenate([np.zeros(_count(lead_s)), samples, np.zeros(_count(tail_s))])
    words = tuple((start + lead_s, end + lead_s) for start, end in words)
    if generator.random() < 0.7:
        samples = _equalise(generator, samples)
    if generator.random() < 0.4:
        samples = _reverberate(generator, samples)
    samples = samples + _background(generator, samples, babble)
    if generator.random() < 0.3:
        samples = telephone_band(samples)
    peak = np.exp(generator.uniform(np.log(0.03), np.log(1.1)))
    loud = samples * (peak / (np.abs(samples).max() + _EPSILON))
    return Augmented(np.clip(loud, -1, 1).astype(np.float32), words)


def coloured_noise(generator: np.random.Generator, count: int, slope: float) -> Signal:
    """Make noise whose power falls with frequency to the power of -slope (0 white, 1 pink, 2 brown), variance 1."""
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(count, real=True)
    spectrum = rfft(generator.standard_normal(length))
    spectrum *= np.maximum(1, np.arange(len(spectrum))) ** (-slope / 2)
    noise: Signal = irfft(spectrum, length)[:count]
    noise /= noise.std() + _EPSILON
    return noise


def telephone_band(samples: Signal) -> Signal:
    """Take everything above 4 kHz away."""
    from scipy.signal import resample_poly

    narrow: Signal = resample_poly(resample_poly(samples, 1, 2), 2, 1)[: len(samples)]
    return narrow


def _warp(samples: Signal, words: Times, denominator: int) -> tuple[Signal, Times]:
    from scipy.signal import resample_poly

    factor = _WARP_NUMERATOR / denominator
    stretched: Signal = resample_poly(samples, _WARP_NUMERATOR, denominator)
    return stretched, tuple((start * factor, end * factor) for start, end in words)


def _equalise(generator: np.random.Generator, samples: Signal) -> Signal:
    """Apply a smooth curve of up to 8 dB either way; a third of them lose their bass, as small loudspeakers do."""
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(len(samples), real=True)
    spectrum = rfft(samples, length)
    knots_db = generator.uniform(-8, 8, 7)
    if generator.random() < 0.3:
        knots_db[0] -= generator.uniform(0, 12)
    place = np.linspace(0, 1, len(spectrum)) ** 0.5  # closer knots where the ear is finer
    gain_db = np.interp(place, np.linspace(0, 1, len(knots_db)), knots_db)
    equalised: Signal = irfft(spectrum * 10 ** (gain_db / 20), length)[: len(samples)]
    return equalised


def _reverberate(generator: np.random.Generator, samples: Signal) -> Signal:
    """Add the tail of a room: noise that falls by 60 dB in 0.08 to 0.5 s."""
    from scipy.signal import fftconvolve

    length = _count(generator.uniform(0.08, 0.5))
    response = generator.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    response[: _count(0.002)] = 0
    response *= generator.uniform(0.1, 0.8) / (np.sqrt((response**2).sum()) + _EPSILON)
    response[0] = 1
    echoing: Signal = fftconvolve(samples, response)[: len(samples)]
    return echoing


def _background(generator: np.random.Generator, samples: Signal, babble: Sequence[Signal]) -> Signal:
    level = np.sqrt((samples**2).mean()) + 1e-4
    snr_db = generator.uniform(8, 30) if generator.random() < 0.55 else generator.uniform(30, 60)
    if babble and generator.random() < 0.25:
        noise = np.zeros(len(samples))
        for _ in range(int(generator.integers(3, 7))):
            voice = babble[int(generator.integers(len(babble)))]
            noise += np.roll(np.resize(voice, len(samples)), int(generator.integers(len(samples))))
        noise /= noise.std() + _EPSILON
        snr_db += 5  # voices mask more than noise of the same level
    else:
        noise = coloured_noise(generator, len(samples), generator.uniform(0, 2))
    scaled: Signal = noise * level * 10 ** (-snr_db / 20)
    return scaled


def _count(seconds: float) -> int:
    return int(seconds * SAMPLE_RATE_HZ)
