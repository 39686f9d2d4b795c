"""The denominator's language: which phone follows which, counted on the transcripts' pronunciations."""

import random
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.phones import (
    BASE_INDEX,
    BASE_PHONES,
    SILENCE_INDEX,
    SPOKEN_NOISE_INDEX,
)

EDGE = len(BASE_PHONES)
"""Row of the sentence's start, column of its end."""

_PAUSE_BETWEEN_WORDS = 0.35
_PAUSE_AT_EDGES = 0.9
_SMOOTHING = 0.3  # counts of a pair never seen
_SPOKEN_NOISE_SHARE = 0.01  # [unk] may stand anywhere

LogProbabilities = npt.NDArray[np.float64]


def phone_bigram(
    texts: Iterable[str], lexicon: Mapping[str, tuple[str, ...]], chance: random.Random
) -> LogProbabilities:
    """Give log P(next | previous), (phones + 1) squared; row EDGE is the start, column EDGE the end."""
    counts = np.full((EDGE + 1, EDGE + 1), _SMOOTHING)
    for text in texts:
        previous = EDGE
        for phone in _phones_of(text, lexicon, chance):
            counts[previous, phone] += 1
            previous = phone
        counts[previous, EDGE] += 1
    counts[:, SPOKEN_NOISE_INDEX] += counts[:, SPOKEN_NOISE_INDEX + 1 : EDGE].sum(axis=1) * _SPOKEN_NOISE_SHARE
    counts[SPOKEN_NOISE_INDEX] += counts.sum(axis=0) * _SPOKEN_NOISE_SHARE
    counts[EDGE, EDGE] = 0
    counts[SILENCE_INDEX, SILENCE_INDEX] = 0
    with np.errstate(divide="ignore"):
        probabilities: LogProbabilities = np.log(counts / counts.sum(axis=1, keepdims=True))
    return probabilities


def _phones_of(text: str, lexicon: Mapping[str, tuple[str, ...]], chance: random.Random) -> Iterable[int]:
    if chance.random() < _PAUSE_AT_EDGES:
        yield SILENCE_INDEX
    for number, word in enumerate(text.split()):
        if number and chance.random() < _PAUSE_BETWEEN_WORDS:
            yield SILENCE_INDEX
        for phone in chance.choice(lexicon[word]).split():
            yield BASE_INDEX[phone]
    if text and chance.random() < _PAUSE_AT_EDGES:
        yield SILENCE_INDEX
