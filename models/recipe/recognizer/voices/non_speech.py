"""Sounds that are no speech, for training to answer with silence: hum, tones, clicks, chords, noise in bursts."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.augmentation import coloured_noise
from models.recipe.recognizer.acoustics.features import SAMPLE_RATE_HZ
from models.recipe.recognizer.voices.speech import Speech, SpeechError, Utterance, to_pcm

KINDS = ("hum", "tones", "clicks", "chords", "bursts", "hiss")
SHORTEST_S, LONGEST_S = 1.0, 5.0

Signal = npt.NDArray[np.float64]
_Maker = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]


class NonSpeech:
    """A voice is a kind of sound; its text is empty."""

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[Speech]:
        """Make each sound. Setting: seed."""
        for utterance in utterances:
            if utterance.text:
                raise SpeechError(utterance, "a sound has no words")
            generator = np.random.default_rng(int(utterance.settings.get("seed", 0)))
            count = int(generator.uniform(SHORTEST_S, LONGEST_S) * SAMPLE_RATE_HZ)
            yield Speech(to_pcm(_sound(generator, utterance.voice, count), SAMPLE_RATE_HZ), ())


def _sound(generator: np.random.Generator, kind: str, count: int) -> Signal:
    time_s = np.arange(count) / SAMPLE_RATE_HZ
    if kind == "hum":
        base_hz = generator.choice([50.0, 60.0]) * generator.uniform(0.98, 1.02)
        return _harmonics(generator, time_s, float(base_hz), 12)
    if kind == "tones":
        return _pieces(generator, count, lambda t: np.sin(2 * np.pi * generator.uniform(200, 3000) * t))
    if kind == "chords":
        return _pieces(
            generator,
            count,
            lambda t: sum(
                (_harmonics(generator, t, generator.uniform(110, 660), 5) for _ in range(3)), np.zeros(len(t))
            ),
        )
    if kind == "clicks":
        places = (generator.random(count) < generator.uniform(2, 20) / SAMPLE_RATE_HZ).astype(np.float64)
        ring = generator.standard_normal(160) * np.exp(-np.arange(160) / generator.uniform(5, 40))
        return np.convolve(places, ring)[:count] + 1e-3 * coloured_noise(generator, count, 1)
    if kind == "bursts":
        loud = _pieces(generator, count, lambda t: np.full(len(t), float(generator.random() < 0.5)))
        return (loud + 0.02) * coloured_noise(generator, count, generator.uniform(0, 2))
    return coloured_noise(generator, count, generator.uniform(0, 2.5))


def _harmonics(generator: np.random.Generator, time_s: Signal, base_hz: float, most: int) -> Signal:
    sound = np.zeros(len(time_s))
    for number in range(1, most + 1):
        phase = generator.uniform(0, 2 * np.pi)
        sound += generator.uniform(0, 1) / number * np.sin(2 * np.pi * base_hz * number * time_s + phase)
    return sound


def _pieces(generator: np.random.Generator, count: int, make: _Maker) -> Signal:
    """Put short pieces after each other, each with a soft edge."""
    sound = np.zeros(count)
    at = 0
    while at < count:
        length = int(generator.uniform(0.08, 0.6) * SAMPLE_RATE_HZ)
        piece = make(np.arange(length) / SAMPLE_RATE_HZ)
        edge = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 80)
        sound[at : at + length] += (piece * edge)[: count - at]
        at += length
    return sound
