"""Canonical audio on disk: 16 kHz, 16 bit FLAC, written once and read by seek. The only importer of soundfile.

What was written last is also kept in memory, if it is short: it is about to be looked through for pauses, and then
recognised, and need not be decoded again for either.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import soundfile

from asr_pipeline.domain.audio import SAMPLE_RATE_HZ
from asr_pipeline.domain.errors import StorageFull, UpstreamMissing
from asr_pipeline.domain.unfinished import partial_name

MAX_CHANNELS = 8  # of FLAC
COMPRESSION_LEVEL = 0.0  # docs/adr/0005-canonical-audio.md: a higher level costs twice the time for 2 % of the size

KEPT_BYTES = 32 * 2**20  # 17 minutes
LONGEST_KEPT_BYTES = KEPT_BYTES // 8  # two minutes: memory does not grow with the length of a recording

Samples = npt.NDArray[np.int16]  # (samples, channels)


class CanonicalWriter:
    """Writes canonical audio under a hidden name beside `destination`; `publish` makes it appear, whole.

    Leaving the `with` block without `publish` leaves nothing. Raises StorageFull where there is no room.
    """

    def __init__(self, destination: Path, channels: int) -> None:
        self.samples = 0
        self._kept: list[Samples] | None = []
        self._destination = destination
        self._partial = destination.parent / partial_name(".flac")
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            self._partial.touch(exist_ok=False)  # a plain OSError says more than libsndfile's
            self._file = soundfile.SoundFile(
                self._partial,
                "w",
                samplerate=SAMPLE_RATE_HZ,
                channels=channels,
                format="FLAC",
                subtype="PCM_16",
                compression_level=COMPRESSION_LEVEL,
            )
        except (OSError, soundfile.LibsndfileError) as error:
            self._partial.unlink(missing_ok=True)
            raise self._no_room(error) from error

    def __enter__(self) -> Self:
        """Give the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove what was not published."""
        try:
            self._close()
        finally:
            self._partial.unlink(missing_ok=True)

    def write(self, samples: Samples) -> None:
        """Append samples."""
        try:
            self._file.write(samples)
        except (AssertionError, soundfile.LibsndfileError) as error:  # soundfile asserts that all were written
            raise self._no_room(error) from error
        self.samples += len(samples)
        if self._kept is not None:
            self._kept.append(samples)
            if 2 * self.samples * self._file.channels > LONGEST_KEPT_BYTES:
                self._kept = None

    def publish(self) -> None:
        """Sync to disk and rename. What was written is counted first: libsndfile tells of no error when it closes."""
        self._close()
        try:
            found = soundfile.info(self._partial).frames
        except soundfile.LibsndfileError as error:
            raise self._no_room(error) from error
        if found != self.samples:
            raise self._no_room(f"{found:,} of {self.samples:,} samples written")
        try:
            _sync(self._partial)
            self._partial.replace(self._destination)
            _sync(self._destination.parent)
        except OSError as error:
            raise self._no_room(error) from error
        if self._kept:
            _recent.keep(self._destination, np.concatenate(self._kept))

    def _close(self) -> None:
        try:
            self._file.close()
        except soundfile.LibsndfileError as error:
            raise self._no_room(error) from error

    def _no_room(self, cause: object) -> StorageFull:
        return StorageFull(
            str(self._destination),
            expected="room and permission to write audio",
            found=str(cause).rstrip(".") or "fewer bytes written than given",
            remedy="Free some space, or set ASR_PIPELINE_DATA_DIR to a folder with room, and try again.",
        )


class _Recent:
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


_recent = _Recent()


class CanonicalAudio:
    """Reads canonical audio by seek; one thread at a time. Raises UpstreamMissing where it is missing or damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self._kept = _recent.samples(path)
        if self._kept is not None:
            self.channels, self._samples = int(self._kept.shape[1]), len(self._kept)
            return
        try:
            self._file = soundfile.SoundFile(path)
        except (OSError, soundfile.LibsndfileError) as error:
            raise self._unusable(str(error)) from error
        self.channels, self._samples = int(self._file.channels), int(self._file.frames)
        if self._file.samplerate != SAMPLE_RATE_HZ:
            self._file.close()
            raise self._unusable(f"{self._file.samplerate} Hz")

    def __enter__(self) -> Self:
        """Give the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self._samples / SAMPLE_RATE_HZ

    def read_pcm(self, start_s: float, end_s: float, channel: int) -> bytes:
        """Give one channel as 16 bit little-endian PCM; what lies outside the recording is left out."""
        start = min(max(0, round(start_s * SAMPLE_RATE_HZ)), self._samples)
        samples = max(0, round(end_s * SAMPLE_RATE_HZ) - start)
        block = self._read(start, samples)
        return bytes(block[:, channel].astype("<i2", copy=False).tobytes())

    def blocks(self, samples: int) -> Iterator[Samples]:
        """Give the whole from its start, `samples` at a time; the last block may be shorter."""
        given = 0
        while len(block := self._read(given, samples)):
            given += len(block)
            yield block
        if given != self._samples:
            raise self._unusable(f"{given:,} of {self._samples:,} samples")

    def _read(self, start: int, samples: int) -> Samples:
        if self._kept is not None:
            return self._kept[start : start + samples]
        try:
            if self._file.tell() != start:
                self._file.seek(start)
            block: Samples = self._file.read(samples, dtype="int16", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise self._unusable(str(error)) from error
        return block

    def _unusable(self, found: str) -> UpstreamMissing:
        return UpstreamMissing(
            str(self._path),
            expected=f"canonical audio, {SAMPLE_RATE_HZ} Hz FLAC",
            found=found,
            remedy="Materialize raw_audio for this recording again.",
        )


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
