"""What an operator wants to know each morning, counted in SQL and on disk."""

import datetime as dt
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.word_errors import WordErrors
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.references import measured_references
from asr_pipeline.storage.tables import audio, recordings, stage_commits, transcripts

TREND_DAYS = 30


@dataclass(frozen=True, slots=True)
class Day:
    """What was recognised on one day (UTC). `mean_confidence` is over its words, None where there were none.

    `reference_words` and `word_error_rate` are over those of its recordings that have a reference text.
    """

    date: dt.date
    recordings: int
    audio_s: float
    words: int
    mean_confidence: float | None
    reference_words: int = 0
    word_error_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How the house stands. `failures` counts by kind of error, `disk_bytes` by what takes the room."""

    states: Mapping[RecordingState, int]
    audio_s: float
    oldest_waiting_s: float
    failures: Mapping[str, int]
    days: tuple[Day, ...]
    disk_bytes: Mapping[str, int]
    free_bytes: int


def make_report(engine: Engine, layout: Layout, now: dt.datetime) -> Report:
    """Count everything, in one state of the database; the trend is of the `TREND_DAYS` days until `now`."""
    table = recordings.c
    with reading(engine) as connection:
        states = {
            RecordingState(state): count
            for state, count in connection.execute(sa.select(table.state, sa.func.count()).group_by(table.state))
        }
        oldest = connection.execute(
            sa.select(sa.func.min(table.registered_at)).where(table.state == RecordingState.IN_PROGRESS.value)
        ).scalar()
        failures = connection.execute(
            sa.select(table.failure_kind, sa.func.count())
            .where(table.failure_kind.is_not(None))
            .group_by(table.failure_kind)
        )
        return Report(
            states={state: states.get(state, 0) for state in RecordingState},
            audio_s=connection.execute(sa.select(sa.func.coalesce(sa.func.sum(audio.c.duration_s), 0.0))).scalar_one(),
            oldest_waiting_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
            failures={str(kind): count for kind, count in failures},
            days=tuple(_days(connection, now)),
            disk_bytes={name: _size_bytes(path) for name, path in _places(layout).items()},
            free_bytes=shutil.disk_usage(layout.data_dir).free,
        )


def _days(connection: Connection, now: dt.datetime) -> list[Day]:
    """Sum up by day in Python: the databases spell a date differently."""
    commit, transcript = stage_commits.c, transcripts.c
    since = now - dt.timedelta(days=TREND_DAYS)
    query = (
        sa.select(commit.committed_at, audio.c.duration_s, transcript.word_count, transcript.mean_confidence)
        .join_from(stage_commits, transcripts, transcript.recording_number == commit.recording_number)
        .outerjoin(audio, audio.c.recording_number == commit.recording_number)
        .where(commit.stage == Stage.TRANSCRIPTS.value, commit.committed_at >= since)
    )
    sums: dict[dt.date, list[float]] = {}
    for row in connection.execute(query):
        day = sums.setdefault(row.committed_at.date(), [0, 0.0, 0, 0.0])
        day[0] += 1
        day[1] += row.duration_s or 0.0
        day[2] += row.word_count
        day[3] += row.word_count * (row.mean_confidence or 0.0)
    errors = _word_errors(connection, since)
    return [
        Day(
            date,
            int(count),
            audio_s,
            int(words),
            confidence / words if words else None,
            errors.get(date, WordErrors()).words,
            errors.get(date, WordErrors()).rate,
        )
        for date, (count, audio_s, words, confidence) in sorted(sums.items())
    ]


def _word_errors(connection: Connection, since: dt.datetime) -> dict[dt.date, WordErrors]:
    """Sum up by day what is wrong with transcripts that have a reference."""
    sums: dict[dt.date, WordErrors] = {}
    for one in measured_references(connection, stage_commits.c.committed_at >= since):
        if one.recognised_at is not None and one.errors is not None:
            date = one.recognised_at.date()
            sums[date] = sums.get(date, WordErrors()) + one.errors
    return sums


def _places(layout: Layout) -> dict[str, Path]:
    return {
        "originals": layout.originals,
        "audio": layout.audio,
        "results": layout.results,
        "archive": layout.archive,
        "quarantine": layout.quarantine,
        "inbox": layout.inbox,
        "dagster": layout.dagster_home,
        "database": layout.database,
    }


def _size_bytes(path: Path) -> int:
    """Sum up what a file, or all below a folder, takes; what vanishes meanwhile takes nothing."""
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
