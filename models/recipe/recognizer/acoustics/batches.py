"""Utterances of the feature shards, put into batches of about one length."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.features import COEFFICIENTS, SUBSAMPLING
from models.recipe.recognizer.corpus.shards import Array, read_shard, shard_numbers

_LENGTH_JITTER_FRAMES = 30  # so that batches differ from epoch to epoch
_MASKED = 0.5  # share of utterances with stretches of frames taken away
_MASKS, _MASK_FRAMES = 2, (3, 12)
_LEVEL_DEVIATION = 6.0  # of the coefficient that tells loudness
_CHANNEL_DEVIATION = 0.12  # of each coefficient, in its own standard deviations

Features = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Example:
    """One augmented utterance: where its frames are, what is said, and when (seconds)."""

    shard: Array
    offset: int
    frames: int
    words: tuple[str, ...]
    times: tuple[tuple[float, float], ...]

    def features(self) -> Features:
        """Read its frames x 40."""
        return np.asarray(self.shard[self.offset : self.offset + self.frames], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded features, batch x frames x 40, and for each utterance the outputs it has, its words and their times."""

    features: Features
    outputs: list[int]
    words: list[tuple[str, ...]]
    times: list[tuple[tuple[float, float], ...]]


def load_examples(features_dir: Path, shortest_frames: int = 30) -> list[Example]:
    """List every utterance of every copy."""
    examples = []
    for copy in sorted(features_dir.glob("copy*")):
        for number in shard_numbers(copy):
            shard, entries = read_shard(copy, number)
            examples += [
                Example(shard, entry.offset, entry.rows, tuple(entry.text.split()), entry.words)
                for entry in entries
                if entry.rows >= shortest_frames
            ]
    return examples


def group(examples: Sequence[Example], most_frames: int, chance: random.Random) -> list[list[Example]]:
    """Group examples of about one length so that a padded batch has at most `most_frames`."""
    ordered = sorted(examples, key=lambda example: example.frames + chance.random() * _LENGTH_JITTER_FRAMES)
    groups: list[list[Example]] = []
    current: list[Example] = []
    for example in ordered:
        longest = max(other.frames for other in (*current, example))
        if current and longest * (len(current) + 1) > most_frames:
            groups.append(current)
            current = []
        current.append(example)
    groups.append(current)
    chance.shuffle(groups)
    return groups


def make_batch(
    examples: Sequence[Example], context: int, deviation: npt.NDArray[np.float32], generator: np.random.Generator
) -> Batch:
    """Read, shift by 0 to 2 frames, pad, mask and tilt. Times follow the shift."""
    shift = int(generator.integers(SUBSAMPLING))
    read = [example.features()[shift:] for example in examples]
    outputs = [-(-len(frames) // SUBSAMPLING) for frames in read]
    length = SUBSAMPLING * (max(outputs) - 1) + 1 + 2 * context
    features = np.empty((len(read), length, COEFFICIENTS), np.float32)
    for row, frames in zip(features, read, strict=True):
        kept = min(len(frames), length - context)
        row[:context] = frames[0]
        row[context : context + kept] = frames[:kept]
        row[context + kept :] = frames[-1]
        if generator.random() < _MASKED:
            _mask(row[context : context + kept], frames.mean(axis=0), generator)
    features[:, :, 0] += generator.normal(0, _LEVEL_DEVIATION, (len(read), 1))
    features += generator.normal(0, _CHANNEL_DEVIATION, (len(read), 1, COEFFICIENTS)) * deviation
    seconds = shift * 0.01
    times = [tuple((start - seconds, end - seconds) for start, end in example.times) for example in examples]
    return Batch(features.astype(np.float32), outputs, [example.words for example in examples], times)


def _mask(frames: Features, filler: npt.NDArray[np.float32], generator: np.random.Generator) -> None:
    for _ in range(_MASKS):
        length = int(generator.integers(*_MASK_FRAMES, endpoint=True))
        begin = int(generator.integers(max(1, len(frames) - length)))
        frames[begin : begin + length] = filler
