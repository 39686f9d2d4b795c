"""What waits, at which stage and since when, and what failed and why: grouped queries in one state of the database."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.note import TranslationStatus
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import note_translations, recordings, stage_commits


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many wait, and since when the oldest does; None where nothing waits."""

    count: int = 0
    since: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class BacklogFigures:
    """What waits for each stage or is in work there; failures by stage and kind; translations of notes by status."""

    by_state: Mapping[RecordingState, int]
    by_stage: Mapping[Stage, Waiting]
    failures: Mapping[tuple[str, str], int]
    notes: Mapping[TranslationStatus, Waiting]


def backlog_figures(engine: Engine) -> BacklogFigures:
    """Count."""
    with reading(engine) as connection:
        return BacklogFigures(_by_state(connection), _by_stage(connection), _failures(connection), _notes(connection))


def _by_state(connection: Connection) -> dict[RecordingState, int]:
    query = sa.select(recordings.c.state, sa.func.count()).group_by(recordings.c.state)
    found = {RecordingState(state): count for state, count in connection.execute(query)}
    return dict.fromkeys(RecordingState, 0) | found


def _by_stage(connection: Connection) -> dict[Stage, Waiting]:
    """Tell the stage that is next from how many are done: they are committed in their order."""
    of_it = (stage_commits.c.recording_number == recordings.c.number) & ~stage_commits.c.outdated
    done = sa.select(sa.func.count()).select_from(stage_commits).where(of_it).scalar_subquery()
    each = (
        sa.select(recordings.c.registered_at, done.label("done"))
        .where(recordings.c.state == RecordingState.IN_PROGRESS.value)
        .subquery()
    )
    query = sa.select(each.c.done, sa.func.count(), sa.func.min(each.c.registered_at)).group_by(each.c.done)
    stages = list(Stage)
    found = {stages[count_done]: Waiting(count, since) for count_done, count, since in connection.execute(query)}
    return dict.fromkeys(stages, Waiting()) | found


def _failures(connection: Connection) -> dict[tuple[str, str], int]:
    column = recordings.c
    failed = column.state.in_([RecordingState.FAILED.value, RecordingState.QUARANTINED.value])
    query = sa.select(column.failed_stage, column.failure_kind, sa.func.count()).where(failed)
    rows = connection.execute(query.group_by(column.failed_stage, column.failure_kind))
    return {(stage, kind): count for stage, kind, count in rows}


def _notes(connection: Connection) -> dict[TranslationStatus, Waiting]:
    column = note_translations.c
    query = sa.select(column.status, sa.func.count(), sa.func.min(column.asked_at)).group_by(column.status)
    found = {TranslationStatus(status): Waiting(count, since) for status, count, since in connection.execute(query)}
    return dict.fromkeys(TranslationStatus, Waiting()) | found
