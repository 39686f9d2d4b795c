"""Bytes stored so surely that their source may be removed: read back, and held against their hash."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.originals import store_original


def store_verified(
    source: Path,
    layout: Layout,
    *,
    name: str,
    max_bytes: int | None,
    known: Callable[[str], Recording | None],
) -> Recording:
    """Do as `store_original`, and read the recording's original back; one of ours that has gone bad is replaced.

    Raises what `store_original` does, and TransientFailure where what is read back is not what the source held.
    """
    recording = store_original(source, layout, name=name, max_bytes=max_bytes, known=known)
    path = layout.source_of(recording)
    if path.is_file() and _hash_of(path) == recording.sha256:
        return recording
    if not path.is_relative_to(layout.originals):
        raise _kept_badly(path)
    path.unlink(missing_ok=True)
    again = store_original(source, layout, name=path.name, max_bytes=max_bytes)
    stored = layout.source_of(again)
    if again.sha256 == recording.sha256 and stored != path:  # registered under another suffix than it comes with now
        path.parent.mkdir(parents=True, exist_ok=True)
        stored.replace(path)
    if not path.is_file() or _hash_of(path) != recording.sha256:
        raise _kept_badly(path)
    return recording


def _hash_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TransientFailure(
            str(path),
            expected="a disk that answers",
            found=error.strerror or str(error),
            remedy="Check the disk of the data folder; the file is left where it was, and tried again.",
        ) from error


def _kept_badly(path: Path) -> TransientFailure:
    return TransientFailure(
        str(path),
        expected="the bytes that were stored there",
        found="others, or none",
        remedy="Check the disk that holds it, or put it back; the new file is left where it was, and tried again.",
    )
