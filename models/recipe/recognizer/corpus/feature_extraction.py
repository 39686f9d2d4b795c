"""Augmented copies of the speech, as features: one folder a copy, one shard for each shard of speech."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.augmentation import augment
from models.recipe.recognizer.acoustics.features import mfcc
from models.recipe.recognizer.corpus.shards import (
    Item,
    has_shard,
    read_shard,
    shard_numbers,
    write_shard,
)
from models.recipe.recognizer.corpus.workers import Report, run_jobs

_BABBLE_VOICES = 40


def extract(speech_dir: Path, features_dir: Path, copies: int, report: Report) -> None:
    """Write `copies` augmented copies of the speech: float16 frames x 40, word times moved along."""
    numbers = shard_numbers(speech_dir)
    jobs = [
        (speech_dir, features_dir / f"copy{copy}", copy, number)
        for copy in range(copies)
        for number in numbers
        if not has_shard(features_dir / f"copy{copy}", number)
    ]
    run_jobs(_write, jobs, copies * len(numbers) - len(jobs), report)


def _write(job: tuple[Path, Path, int, int]) -> None:
    speech_dir, folder, copy, number = job
    generator = np.random.default_rng((copy, number))
    babble = _babble(speech_dir)
    pcm, entries = read_shard(speech_dir, number)
    items = []
    for entry in entries:
        samples = pcm[entry.offset : entry.offset + entry.rows].astype(np.float64) / 32768
        changed = augment(generator, samples, entry.words, babble)
        features = mfcc(changed.samples).astype(np.float16)
        items.append(Item(entry.utterance_id, entry.text, features, changed.words))
    write_shard(folder, number, items)


@cache
def _babble(speech_dir: Path) -> tuple[npt.NDArray[np.float64], ...]:
    """Take the first utterances of the corpus as voices in the background."""
    pcm, entries = read_shard(speech_dir, shard_numbers(speech_dir)[0])
    spoken = [entry for entry in entries if entry.text][:_BABBLE_VOICES]
    return tuple(pcm[entry.offset : entry.offset + entry.rows].astype(np.float64) / 32768 for entry in spoken)
