"""Arrivals: every file that was ever offered, and what became of it. The ledger that `verify` counts by."""

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum


class Way(StrEnum):
    """How a file came."""

    INBOX = "inbox"
    PROCESS = "process"  # named on the command line
    IMPORT = "import"
    UPLOAD = "upload"


class Outcome(StrEnum):
    """What became of an offered file."""

    ACCEPTED = "accepted"  # its bytes are a recording
    REFUSED = "refused"  # it could not be read, or is beyond a limit: it counts as quarantined, never a recording
    DROPPED = "dropped"  # refused, then given up by a person


# Ways of files that stay where they lie, whatever becomes of them. What the inbox refuses is moved into quarantine.
STAYING = frozenset({Way.PROCESS, Way.IMPORT})


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file as it was when it was taken. `path` is where it lay; `recording_id` is set where it was accepted.

    An upload lay nowhere: its path is `upload/NAME`, its time of change is when it came.
    `arrived_at` is known of what the ledger holds.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    way: Way
    outcome: Outcome
    recording_id: str | None = None
    reason: str | None = None
    arrived_at: dt.datetime | None = field(default=None, compare=False)
