"""Levels and shape of a recording, computed while it streams by: memory does not grow with its length."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr_pipeline.domain.audio import FULL_SCALE, dbfs

WAVEFORM_POINTS = 400  # a picture's width; a waveform has this many points, up to twice as many
FIRST_POINT_SAMPLES = 160  # 10 ms


@dataclass(slots=True)
class Levels:
    """Peak, RMS and clipping over every sample of every channel of the source, before mixing hides it.

    `full_scale` is the largest magnitude that the source's coding can hold, as a fraction of digital full scale;
    samples there are taken for clipped.
    """

    full_scale: float
    clipped_samples: int = 0
    _samples: int = 0
    _peak: float = 0.0
    _squares: float = 0.0

    def add(self, block: npt.NDArray[np.float32]) -> bool:
        """Count a block of samples as fractions of full scale. Gives False where one is no number, or absurdly loud."""
        flat = block.reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):  # told by the result
            squares = float(flat.dot(flat))
        if not math.isfinite(squares):
            return False
        peak = max(float(flat.max()), -float(flat.min())) if flat.size else 0.0
        if peak >= self.full_scale:
            self.clipped_samples += int(np.count_nonzero(np.abs(flat) >= self.full_scale))
        self._samples += flat.size
        self._peak = max(self._peak, peak)
        self._squares += squares
        return True

    @property
    def peak_dbfs(self) -> float:
        """Level of the loudest sample; above 0 only in float files that exceed full scale."""
        return dbfs(self._peak)

    @property
    def rms_dbfs(self) -> float:
        """Level of the root mean square of all samples."""
        return dbfs(math.sqrt(self._squares / max(1, self._samples)))


class Waveform:
    """(lowest, highest) sample of equal parts. Parts double in length, two by two, when they become too many."""

    def __init__(self) -> None:
        self._part_samples = FIRST_POINT_SAMPLES
        self._samples = 0
        self._low = np.empty(0, np.int16)
        self._high = np.empty(0, np.int16)

    def add(self, block: npt.NDArray[np.int16]) -> None:
        """Take in canonical samples (samples, channels); channels are drawn as one."""
        if not len(block):
            return
        part = self._part_samples
        filled = self._samples % part
        starts = np.arange(-filled, len(block), part)
        starts[0] = 0
        low = np.minimum.reduceat(block.min(axis=1), starts)
        high = np.maximum.reduceat(block.max(axis=1), starts)
        if filled:  # the first part goes on where the last block ended
            self._low[-1], self._high[-1] = min(self._low[-1], low[0]), max(self._high[-1], high[0])
            low, high = low[1:], high[1:]
        self._low, self._high = np.concatenate([self._low, low]), np.concatenate([self._high, high])
        self._samples += len(block)
        while len(self._low) > 2 * WAVEFORM_POINTS:
            pairs = np.arange(0, len(self._low), 2)
            self._low, self._high = np.minimum.reduceat(self._low, pairs), np.maximum.reduceat(self._high, pairs)
            self._part_samples *= 2

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """The parts, as fractions of full scale."""
        low, high = (self._low / FULL_SCALE).round(4).tolist(), (self._high / FULL_SCALE).round(4).tolist()
        return tuple(zip(low, high, strict=True))
