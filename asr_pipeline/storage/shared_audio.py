"""Canonical audio where other machines can read it, for as long as they recognise it. The only importer of fsspec."""

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from asr_pipeline.domain.errors import SetupError, TransientFailure
from asr_pipeline.domain.unfinished import partial_name

# FLAC is sought by halving, and read on for a span: many small reads near one another, then half a megabyte.
BLOCK_BYTES = 256 * 1024


class SharedAudio:
    """A folder at any address that fsspec knows: `s3://bucket/prefix`, `file:///mnt/share`. Loads it when used.

    Credentials and endpoints are the address's own business (`AWS_…`). Raises SetupError where its package is missing,
    TransientFailure where it does not answer.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")

    def put(self, recording_id: str, audio: Path) -> None:
        """Copy a recording's audio there, in place of what is there. A reader sees all of it or nothing."""
        address = self.address_of(recording_id)
        files, path = _reach(address)
        with _told_of(address):
            if "file" in files.protocol:  # an object appears whole; a file does so by its name
                _put_whole(files, audio, Path(path))
            else:
                files.put_file(str(audio), path)

    def remove(self, recording_id: str) -> None:
        """Remove a recording's audio, where it is there."""
        address = self.address_of(recording_id)
        files, path = _reach(address)
        with _told_of(address), contextlib.suppress(FileNotFoundError):
            files.rm_file(path)

    @contextmanager
    def open(self, recording_id: str) -> Iterator[BinaryIO]:
        """Open a recording's audio; what is read is fetched in blocks."""
        address = self.address_of(recording_id)
        files, path = _reach(address)
        with _told_of(address):
            file = files.open(path, "rb", block_size=BLOCK_BYTES, cache_type="blockcache")
        with contextlib.closing(file):
            yield cast(BinaryIO, _Fetched(file, address))

    def address_of(self, recording_id: str) -> str:
        """Give the address of a recording's audio."""
        return f"{self._address}/{recording_id}.flac"


class _Fetched:
    """An open file whose errors are ours, whatever its library raises."""

    def __init__(self, file: BinaryIO, address: str) -> None:
        self._file = file
        self.path = address

    def read(self, size_bytes: int = -1) -> bytes:
        with _told_of(self.path):
            return self._file.read(size_bytes)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        with _told_of(self.path):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _reach(address: str) -> tuple[Any, str]:
    """Give what an address is on, and the path there."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra; and only clusters need it

        files, path = url_to_fs(address)
    except (ImportError, ValueError) as error:  # its package is missing, or nobody knows the scheme
        raise SetupError(
            "ASR_PIPELINE_SHARED_AUDIO",
            expected="an address that this installation can reach",
            found=f"{address} ({error})",
            remedy="Install what it needs (`pip install 'asr-pipeline[cluster]'` for s3://), or set another.",
        ) from error
    return files, path


@contextmanager
def _told_of(address: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each kind of storage has errors of its own
        raise unreachable(address, str(error) or type(error).__name__) from error


def _put_whole(files: Any, audio: Path, destination: Path) -> None:  # noqa: ANN401 - fsspec has no types
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.with_name(partial_name(".flac"))
    try:
        files.put_file(str(audio), str(unfinished))
        unfinished.replace(destination)
    finally:
        unfinished.unlink(missing_ok=True)


def unreachable(address: str, found: str) -> TransientFailure:
    """Give the error of audio that could not be read or written."""
    return TransientFailure(
        address,
        expected="shared audio that can be reached",
        found=found.rstrip("."),
        remedy="It is tried again. See that runs and workers have the same ASR_PIPELINE_SHARED_AUDIO, or the same data "
        "folder, and may read and write there.",
    )
