"""Digits said by people: clips of the Free Spoken Digit Dataset, joined into strings.

Free Spoken Digit Dataset, CC BY-SA 4.0, github.com/Jakobovski/free-spoken-digit-dataset: six people, 50 clips of each
digit, 8 kHz, as {digit}_{speaker}_{n}.flac. Weights that are trained on it are offered under the same licence.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from models.recipe.recognizer.acoustics.features import SAMPLE_RATE_HZ
from models.recipe.recognizer.voices.speech import Speech, SpeechError, Utterance, to_pcm

TRAINING_SPEAKERS = ("george", "jackson", "nicolas", "yweweler")
HELD_OUT_SPEAKERS = ("theo", "lucas")
DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
CLIPS_A_DIGIT = 50

_SHORTEST_GAP_S, _LONGEST_GAP_S = 0.02, 0.35
_AUDIBLE = 0.05  # of a clip's peak: where its word can be said to start


class HumanDigits:
    """A voice is one of the six people; a text is a string of digit words."""

    def __init__(self, clips_dir: Path | None) -> None:
        self._clips_dir = clips_dir

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[Speech]:
        """Join clips. Setting: seed, for which of the 50 clips of a digit, and for the gaps between."""
        for utterance in utterances:
            if self._clips_dir is None:
                raise SpeechError(utterance, "no folder of clips")
            yield self._say(utterance, self._clips_dir)

    @staticmethod
    def _say(utterance: Utterance, clips_dir: Path) -> Speech:
        generator = np.random.default_rng(int(utterance.settings.get("seed", 0)))
        parts: list[npt.NDArray[np.float64]] = []
        words: list[tuple[float, float]] = []
        at = 0
        for word in utterance.text.split():
            if word not in DIGIT_WORDS:
                raise SpeechError(utterance, f"{word} is no digit")
            number = int(generator.integers(CLIPS_A_DIGIT))
            clip = _clip(clips_dir / f"{DIGIT_WORDS.index(word)}_{utterance.voice}_{number}.flac")
            first, last = _audible_span(clip)
            words.append(((at + first) / SAMPLE_RATE_HZ, (at + last) / SAMPLE_RATE_HZ))
            gap = np.zeros(int(generator.uniform(_SHORTEST_GAP_S, _LONGEST_GAP_S) * SAMPLE_RATE_HZ))
            parts += [clip, gap]
            at += len(clip) + len(gap)
        return Speech(to_pcm(np.concatenate(parts), SAMPLE_RATE_HZ), tuple(words))


@cache
def _clip(path: Path) -> npt.NDArray[np.float64]:
    samples, rate_hz = soundfile.read(path, dtype="float64")
    return to_pcm(samples, rate_hz).astype(np.float64)


def _audible_span(clip: npt.NDArray[np.float64]) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(clip) > _AUDIBLE * np.abs(clip).max())
    return int(loud[0]), int(loud[-1])
