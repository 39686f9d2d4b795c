"""Canonical audio where other machines can read it, for as long as they recognise it. The only importer of fsspec."""

import contextlib
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
        destination = self.address_of(recording_id)
        with self._reach(destination) as (files, path):
            if "file" in files.protocol:  # an object appears whole; a file does so by its name
                folder = Path(path).parent
                folder.mkdir(parents=True, exist_ok=True)
                unfinished = str(folder / partial_name(".flac"))
                try:
                    files.put_file(str(audio), unfinished)
                    Path(unfinished).replace(path)
                finally:
                    Path(unfinished).unlink(missing_ok=True)
            else:
                files.put_file(str(audio), path)

    def remove(self, recording_id: str) -> None:
        """Remove a recording's audio, where it is there."""
        with self._reach(self.address_of(recording_id)) as (files, path), contextlib.suppress(FileNotFoundError):
            files.rm_file(path)

    @contextmanager
    def open(self, recording_id: str) -> Iterator[BinaryIO]:
        """Open a recording's audio; what is read is fetched in blocks."""
        with (
            self._reach(self.address_of(recording_id)) as (files, path),
            files.open(path, "rb", block_size=BLOCK_BYTES, cache_type="blockcache") as file,
        ):
            yield cast(BinaryIO, file)

    def address_of(self, recording_id: str) -> str:
        """Give the address of a recording's audio."""
        return f"{self._address}/{recording_id}.flac"

    @contextmanager
    def _reach(self, address: str) -> Iterator[tuple[Any, str]]:
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra; and only clusters need it

            files, path = url_to_fs(address)
        except (ImportError, ValueError) as error:  # an unknown scheme, or its package is missing
            raise SetupError(
                "ASR_PIPELINE_SHARED_AUDIO",
                expected="an address that this installation can reach",
                found=f"{address} ({error})",
                remedy="Install what it needs (`pip install 'asr-pipeline[cluster]'` for s3://), or set another.",
            ) from error
        try:
            yield files, path
        except OSError as error:  # s3fs, too, makes OSErrors of what its library raises
            raise unreachable(address, str(error) or type(error).__name__) from error


def unreachable(address: str, found: str) -> TransientFailure:
    """Give the error of audio that could not be read or written."""
    return TransientFailure(
        address,
        expected="shared audio that can be reached",
        found=found.rstrip("."),
        remedy="It is tried again. See that runs and workers have the same ASR_PIPELINE_SHARED_AUDIO, or the same data "
        "folder, and may read and write there.",
    )
