"""Lines of like length in batches of about as many tokens, in an order that a seed fixes."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.recipe.translator.tokenizer import PADDING

_POOL = 20_000  # lines that are sorted by length together

Ids = NDArray[np.int64]


def batches(lengths: Sequence[tuple[int, int]], tokens: int, rng: random.Random) -> Iterator[list[int]]:
    """Indexes of lines, each once, in batches that pad to at most ``tokens`` on their longer side.

    A line that is longer than that is a batch alone.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    for start in range(0, len(order), _POOL):
        pool = sorted(order[start : start + _POOL], key=lambda index: lengths[index])
        found: list[list[int]] = []
        batch: list[int] = []
        widest = 0
        for index in pool:
            width = max(widest, *lengths[index])
            if batch and width * (len(batch) + 1) > tokens:
                found.append(batch)
                batch, width = [], max(lengths[index])
            batch.append(index)
            widest = width
        found.append(batch)
        rng.shuffle(found)
        yield from found


def padded(sequences: Sequence[Sequence[int] | NDArray[Any]]) -> Ids:
    """[sequences, longest], filled up with `PADDING`."""
    ids = np.full((len(sequences), max(map(len, sequences))), PADDING, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
    return ids
