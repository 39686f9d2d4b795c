"""Canonical audio on disk: 16 kHz, 16 bit FLAC, written once and read by seek. The only importer of soundfile."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import numpy as np
import soundfile

from asr_pipeline.domain.audio import SAMPLE_RATE_HZ
from asr_pipeline.domain.errors import StorageFull, UpstreamMissing
from asr_pipeline.domain.unfinished import partial_name
from asr_pipeline.engines.recent_audio import LONGEST_KEPT_BYTES, Samples, recent_audio

MAX_CHANNELS = 8  # of FLAC
COMPRESSION_LEVEL = 0.0  # docs/adr/0005-canonical-audio.md: a higher level costs twice the time for 2 % of the size

T = TypeVar("T")


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
            raise self._no_room(f"a file that can't be read back ({error})") from error
        if found != self.samples:
            raise self._no_room(f"{found:,} of {self.samples:,} samples written")
        try:
            _sync(self._partial)
            self._partial.replace(self._destination)
            _sync(self._destination.parent)
        except OSError as error:
            raise self._no_room(error) from error
        if self._kept:
            recent_audio.keep(self._destination, np.concatenate(self._kept))

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


class CanonicalAudio:
    """Reads canonical audio by seek; one thread at a time. Raises UpstreamMissing where it is missing or damaged.

    It is a file on disk, or an open one of another kind, whose errors are raised as they are.
    """

    def __init__(self, source: Path | BinaryIO) -> None:
        self._path = source if isinstance(source, Path) else Path(getattr(source, "path", "shared audio"))
        self._heard = None if isinstance(source, Path) else _Heard(source)
        self._kept = recent_audio.samples(source) if isinstance(source, Path) else None
        self._file: Any = None
        if self._kept is not None:
            self.channels, self._samples = int(self._kept.shape[1]), len(self._kept)
            return
        try:
            self._file = soundfile.SoundFile(self._heard or source)
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
        block = self._read(start, max(0, round(end_s * SAMPLE_RATE_HZ) - start))
        return bytes(block[:, channel].astype("<i2", copy=False).tobytes())

    def blocks(self, samples: int) -> Iterator[Samples]:
        """Give the whole from its start, `samples` at a time; the last block may be shorter."""
        for start in range(0, self._samples, samples):
            yield self._read(start, samples)

    def _read(self, start: int, samples: int) -> Samples:
        if self._kept is not None:
            return self._kept[start : start + samples]
        expected = min(samples, self._samples - start)
        try:
            if self._file.tell() != start:
                self._file.seek(start)
            block: Samples = self._file.read(expected, dtype="int16", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise self._unusable(str(error)) from error
        if len(block) != expected:
            raise self._unusable(f"{len(block):,} of {expected:,} samples")
        return block

    def _unusable(self, found: str) -> UpstreamMissing:
        if self._heard is not None and self._heard.error is not None:
            raise self._heard.error
        return UpstreamMissing(
            str(self._path),
            expected=f"canonical audio, {SAMPLE_RATE_HZ} Hz FLAC",
            found=found,
            remedy="Materialize raw_audio for this recording again.",
        )


class _Heard:
    """A file that libsndfile reads by callbacks, which can't raise: the first error is kept, and nothing given."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: BaseException | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._keep(partial(self._file.seek, offset, whence), -1)

    def tell(self) -> int:
        return self._keep(self._file.tell, -1)

    def read(self, size_bytes: int = -1) -> bytes:
        return self._keep(partial(self._file.read, size_bytes), b"")

    def _keep(self, do: Callable[[], T], otherwise: T) -> T:
        if self.error is None:
            try:
                return do()
            except BaseException as error:  # noqa: BLE001 - raised by the reader, once libsndfile has returned
                self.error = error
        return otherwise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
