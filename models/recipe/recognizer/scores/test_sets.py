"""The recordings that the table is measured on: speech that training never met, with a little silence round it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.augmentation import coloured_noise
from models.recipe.recognizer.acoustics.features import SAMPLE_RATE_HZ
from models.recipe.recognizer.corpus.shards import read_shard, shard_numbers
from models.recipe.recognizer.voices.speech import Pcm

LEAD_S, TAIL_S = 0.3, 0.4
NOISY_SNR_DB = 12.0
NOISY_RATE_HZ = 8_000
_FLOOR = 5e-4  # of full scale: no recording is digitally silent


@dataclass(frozen=True, slots=True)
class TestRecording:
    """A recording with the words in it; `starts_s` has None for words whose start the synthesizer did not tell."""

    pcm: Pcm
    rate_hz: int
    words: tuple[str, ...]
    starts_s: tuple[float | None, ...]


def recordings(speech_dir: Path) -> Iterator[TestRecording]:
    """Read a test's speech."""
    generator = np.random.default_rng(4)
    for number in shard_numbers(speech_dir):
        pcm, entries = read_shard(speech_dir, number)
        for entry in entries:
            samples = pcm[entry.offset : entry.offset + entry.rows].astype(np.float64) / 32768
            lead, tail = (np.zeros(int(seconds * SAMPLE_RATE_HZ)) for seconds in (LEAD_S, TAIL_S))
            samples = np.concatenate([lead, samples, tail])
            samples = samples + generator.standard_normal(len(samples)) * _FLOOR
            starts = told_starts([start for start, _ in entry.words])
            moved = tuple(None if start is None else start + LEAD_S for start in starts)
            yield TestRecording(_pcm(samples), SAMPLE_RATE_HZ, tuple(entry.text.split()), moved)


def noisy(recording: TestRecording, generator: np.random.Generator) -> TestRecording:
    """Give the recording at half its level under pink noise 12 dB below it, as a telephone would send it."""
    from scipy.signal import resample_poly

    samples = recording.pcm.astype(np.float64) / 32768
    level = np.sqrt((samples**2).mean()) * 10 ** (-NOISY_SNR_DB / 20)
    mixed = 0.5 * (samples + coloured_noise(generator, len(samples), 1.0) * level)
    narrow = resample_poly(mixed, NOISY_RATE_HZ, recording.rate_hz)
    return TestRecording(_pcm(narrow), NOISY_RATE_HZ, recording.words, recording.starts_s)


def told_starts(starts: list[float]) -> list[float | None]:
    """Leave out words that share their start with a neighbour: the synthesizer told them as one."""
    return [
        start if start not in (*starts[:place], *starts[place + 1 :]) else None for place, start in enumerate(starts)
    ]


def _pcm(samples: npt.NDArray[np.float64]) -> Pcm:
    clipped: Pcm = np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)
    return clipped
