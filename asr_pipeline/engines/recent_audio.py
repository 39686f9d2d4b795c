"""The samples of canonical audio that was written last, if it is short.

It is about to be looked through for pauses, and then recognised, and need not be decoded again for either.
"""

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt

KEPT_BYTES = 32 * 2**20  # 17 minutes
LONGEST_KEPT_BYTES = KEPT_BYTES // 8  # two minutes: memory does not grow with the length of a recording

Samples = npt.NDArray[np.int16]  # (samples, channels)


class RecentAudio:
    """The samples of the files written last, by path, up to `KEPT_BYTES`. May be shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[Path, tuple[tuple[int, ...], Samples]] = OrderedDict()
        self._bytes = 0

    def keep(self, path: Path, samples: Samples) -> None:
        """Keep a file's samples; those that were kept first go."""
        samples.flags.writeable = False
        with self._lock:
            self._forget(path)
            self._files[path] = _identity(path), samples
            self._bytes += samples.nbytes
            while self._bytes > KEPT_BYTES:
                self._forget(next(iter(self._files)))

    def samples(self, path: Path) -> Samples | None:
        """Give what is kept of a file, if that file still lies there."""
        with self._lock:
            identity, samples = self._files.get(path, ((), None))
        return samples if samples is not None and identity == _identity(path) else None

    def _forget(self, path: Path) -> None:
        if path in self._files:
            self._bytes -= self._files.pop(path)[1].nbytes


def _identity(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


recent_audio = RecentAudio()
