"""A file that comes in pieces, from a network: written to the data folder and hashed as it comes, not held in memory.

Until it is stored it is a hidden file among the originals, which goes with the block that receives it; what a process
that died has left is swept as any other partial file.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from asr_pipeline.domain.errors import LimitExceeded, UnreadableAudio
from asr_pipeline.domain.recording import Recording, recording_id
from asr_pipeline.storage.atomic import partial_file, publish
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.originals import is_there, stored_original


class Incoming:
    """What has come of a file so far. One thread at a time may use it."""

    def __init__(self, path: Path, file: BinaryIO, max_bytes: int) -> None:
        self.path = path
        self.size_bytes = 0
        self._file = file
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()

    def write(self, data: bytes | bytearray) -> None:
        """Add what came next. Raises LimitExceeded as soon as there is too much, StorageFull."""
        self.size_bytes += len(data)
        if self.size_bytes > self._max_bytes:
            raise LimitExceeded(
                "the file",
                expected=f"at most {self._max_bytes:,} bytes",
                found="more",
                remedy="Cut it into parts, or put it into the inbox.",
            )
        self._digest.update(data)
        self._file.write(data)

    def complete(self) -> str:
        """Say that all has come; gives the SHA-256. Raises UnreadableAudio where that is nothing, StorageFull."""
        if self.size_bytes == 0:
            raise UnreadableAudio(
                "the file",
                expected="audio",
                found="an empty file",
                remedy="Copy the file again from where it was made.",
            )
        self._file.flush()
        return self._digest.hexdigest()


@contextmanager
def receiving(layout: Layout, max_bytes: int) -> Iterator[Incoming]:
    """Give what to write a file to as it comes; what was not stored by the end is gone. Raises StorageFull."""
    with partial_file(layout.originals) as partial, partial.open("xb") as file:
        yield Incoming(partial, file, max_bytes)


def store_received(
    incoming: Incoming, layout: Layout, *, name: str, known: Callable[[str], Recording | None]
) -> Recording:
    """Make what came an original, safe on disk when this returns; bytes that are known give the recording they are."""
    sha256 = incoming.complete()
    registered = known(sha256)
    if registered and is_there(registered, layout):
        return registered
    path = stored_original(layout, sha256, incoming.size_bytes)
    if path is None:
        path = layout.original_of(sha256, name)
        publish(incoming.path, path)
    return registered or Recording(recording_id(name, sha256), sha256, incoming.size_bytes, name, layout.relative(path))
