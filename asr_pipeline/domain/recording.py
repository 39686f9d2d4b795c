"""A recording: one source audio file, known by its bytes."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

SLUG_MAX_CHARS = 40
HASH_PREFIX_CHARS = 12


class RecordingState(StrEnum):
    """Where a recording stands, as a whole. Every registered recording is in exactly one state."""

    IN_PROGRESS = "in_progress"  # registered; not every stage is done yet
    DONE = "done"  # every stage is done
    FAILED = "failed"  # a transient failure outlasted its retries
    QUARANTINED = "quarantined"  # a permanent failure
    DROPPED = "dropped"  # a person gave it up


@dataclass(frozen=True, slots=True)
class Recording:
    """A source file that was registered.

    `recording_id` is also the Dagster partition key. `source` is where the original's bytes lie: a path, absolute or
    relative to the data folder. `name` is the file's name as it came.
    """

    recording_id: str
    sha256: str
    size_bytes: int
    name: str
    source: str


def slug(name: str) -> str:
    """Give lower-case ASCII letters, digits and single hyphens for a file's name without its suffix, or "recording".

    Safe in a path, a URL and a Dagster partition key: it can't hold a separator, a dot or a range mark.
    """
    stem = re.sub(r"\.[^./]*$", "", name)
    ascii_only = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    hyphenated = re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")
    return hyphenated[:SLUG_MAX_CHARS].strip("-") or "recording"


def recording_id(name: str, sha256: str) -> str:
    """Give the key of a recording: its slug and the first 12 hex digits of the SHA-256 of its bytes."""
    return f"{slug(name)}-{sha256[:HASH_PREFIX_CHARS]}"
