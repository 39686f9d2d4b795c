"""Nothing is lost: every file that ever entered is accounted for, rows agree, and the files are there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.ledger import Equation, Finding
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.tables import recordings
from asr_pipeline.storage.verify_files import FileChecks, verify_files
from asr_pipeline.storage.verify_rows import equation, verify_rows

# Hears of what is looked at, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Verification:
    """The equation, and what is wrong, which is found as it is asked for: once."""

    equation: Equation
    findings: Iterator[Finding]


def verify(engine: Engine, layout: Layout, checks: FileChecks, progress: Progress) -> Verification:
    """Look at every row and every file; safe while the pipeline is at work. Raises StoreUnavailable."""
    with reading(engine) as connection:
        counted = equation(connection)
        total: int = connection.execute(sa.select(sa.func.max(recordings.c.number))).scalar() or 0
    rows = _rows(engine, _Counter("rows", total, progress))
    files = verify_files(engine, layout, checks, _Counter("files", counted.recordings, progress).advance)
    return Verification(counted, chain(rows, files))


def _rows(engine: Engine, counter: "_Counter") -> Iterator[Finding]:
    with reading(engine) as connection:
        yield from verify_rows(connection, counter.advance)


class _Counter:
    """Adds up what was looked at."""

    def __init__(self, what: str, total: int, progress: Progress) -> None:
        self._what, self._total, self._progress = what, total, progress
        self._done = 0

    def advance(self, count: int) -> None:
        """Hear that some more were looked at."""
        self._done += count
        self._progress(self._what, self._done, self._total)
