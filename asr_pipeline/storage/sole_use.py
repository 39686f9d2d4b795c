"""Whether a SQLite database is ours alone at the moment."""

import sqlite3
from contextlib import closing
from pathlib import Path

from asr_pipeline.domain.errors import SetupError

WAIT_S = 5


def require_sole_use(files: list[Path], *, subject: str) -> None:
    """Raise SetupError where another connection to one of these databases is open, be it idle.

    SQLite leaves its write-ahead log only where nobody else has the database open; who opens it next takes that up.
    """
    for file in files:
        if file.exists() and not _is_ours_alone(file):
            raise SetupError(
                subject,
                expected="an installation at which nothing is at work",
                found=f"another program that has {file.name} open",
                remedy="Stop `asr-pipeline up`, `serve`, `watch` and other commands, then type it again.",
            )


def _is_ours_alone(file: Path) -> bool:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_S)) as connection:
        try:
            mode: str = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        except sqlite3.OperationalError:
            return False
    return mode == "delete"
