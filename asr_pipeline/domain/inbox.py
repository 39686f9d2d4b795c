"""The inbox's rules: which names are of unfinished files, when a file is complete, and what goes first."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath

from asr_pipeline.domain.errors import PermanentFailure

# What browsers, copy programs and editors call a file that they still write.
TEMPORARY_ENDS = ("~", ".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".opdownload")

BYTES_PER_S_OF_WAIT = 1_000_000  # a file lets others pass for a second a megabyte …
LONGEST_WAIT_S = 1800.0  # … but never for longer than this: then nothing that comes newly is before it
SMALL_BELOW_BYTES = 16 << 20
MEDIUM_BELOW_BYTES = 256 << 20

MOST_REMEMBERED = 1000  # files of a look that the cursor keeps: bounds it to about 25 KB
STILL_OPEN_WAIT_S = 60  # a file that a program may have open for writing must have been unchanged for so long
_DIGEST_CHARS = 12


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as a look at the inbox found it. `name` is relative to the inbox.

    `is_link`: a link to a file inside the inbox; size and times are that file's. `refusal` is set where the entry
    can't be taken, whatever is in it.
    """

    path: Path
    name: str
    size_bytes: int
    mtime_ns: int
    came_s: float  # since 1970; when the entry came to be here as it is, as far as the file system tells
    is_link: bool = False
    refusal: PermanentFailure | None = None

    @property
    def look(self) -> tuple[str, int, int]:
        """What the ledger of arrivals knows a file by."""
        return str(self.path), self.size_bytes, self.mtime_ns

    @property
    def digest(self) -> str:
        """A short hash of path, size and time of change: the same where nothing changed."""
        return hashlib.sha256(repr(self.look).encode()).hexdigest()[:_DIGEST_CHARS]


class SizeClass(StrEnum):
    """How large the largest recording of a run is."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


def is_temporary(relative: str) -> bool:
    """Tell whether a path, relative to the inbox, is hidden or of something unfinished, or lies in such a folder."""
    return any(part.startswith(".") or part.lower().endswith(TEMPORARY_ENDS) for part in PurePath(relative).parts)


def score(size_bytes: int, age_s: float) -> float:
    """Give how soon a file is due: the highest goes first. Falls with size, rises with age.

    The difference that size makes is bounded by `LONGEST_WAIT_S`: a file of any size, once it is older than that, is
    before every file that comes newly.
    """
    return max(0.0, age_s) - min(LONGEST_WAIT_S, max(0, size_bytes) / BYTES_PER_S_OF_WAIT)


def size_class(size_bytes: int) -> SizeClass:
    """Give the class of a size."""
    if size_bytes < SMALL_BELOW_BYTES:
        return SizeClass.SMALL
    return SizeClass.MEDIUM if size_bytes < MEDIUM_BELOW_BYTES else SizeClass.LARGE


def read_cursor(cursor: str | None, now_s: float) -> dict[str, float]:
    """Give since when each digest has been seen unchanged, from what `write_cursor` wrote; nothing from other text."""
    try:
        seen = json.loads(cursor or "{}")
        # A time in the future was written before the clock was set back.
        return {str(digest): min(float(since_s), now_s) for digest, since_s in seen.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def write_cursor(files: Iterable[FoundFile], before: Mapping[str, float], now_s: float) -> str:
    """Give text that remembers a look: the first `MOST_REMEMBERED` files, with since when each is unchanged."""
    digests = [file.digest for file, _ in zip(files, range(MOST_REMEMBERED), strict=False)]
    return json.dumps({digest: int(before.get(digest, now_s)) for digest in digests}, separators=(",", ":"))


def in_order(files: Iterable[FoundFile], now_s: float) -> list[FoundFile]:
    """Put files in the order in which they are taken: by score; the same for the same files, whatever their order."""
    return sorted(files, key=lambda file: (-score(file.size_bytes, now_s - file.came_s), file.name))
