"""Where a recording stands: which stages are committed, by which run, and which failure is noted.

A recording is done where all stages are committed, none of them is outdated, and no failure is noted (ADR 9). A failure
stays noted until its own stage is committed: a result of another stage does not make up for it, old or new.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from asr_pipeline.domain.errors import PermanentFailure, PipelineError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.ports import RunContext
from asr_pipeline.storage.tables import recordings, stage_commits

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

CLEARED = {"failed_stage": None, "failure_kind": None, "reason": None, "failures": 0, "failed_at": None}
IDS_AT_A_TIME = 900  # SQLite before 3.32 takes 999 variables in a statement


def insert_into(connection: Connection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """Give an insert that knows ON CONFLICT, which both databases spell alike."""
    return _insert_of(connection.dialect.name)(table)


def _insert_of(dialect: str) -> "Callable[[sa.Table], sqlite.Insert | postgresql.Insert]":
    if dialect == "sqlite":
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - not needed with SQLite

    return postgresql.insert


def in_chunks(items: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a sequence so that each part fits into one statement."""
    for start in range(0, len(items), IDS_AT_A_TIME):
        yield items[start : start + IDS_AT_A_TIME]


def number_of(connection: Connection, recording_id: str, *, lock: bool = False) -> int | None:
    """Give the number of a registered recording, None where there is none. `lock`: other writers wait."""
    found: int | None = connection.execute(_NUMBER_LOCKED if lock else _NUMBER, {"its_id": recording_id}).scalar()
    return found


def note_commit(connection: Connection, number: int, stage: Stage, run: RunContext) -> None:
    """Note that a run has committed a stage, and bring the state up to date.

    What is made from it is outdated then: it was made from another result. Its rows stay until it is made anew.
    """
    of_this = {
        "recording_number": number,
        "stage": stage.value,
        "run_id": run.run_id,
        "root_run_id": run.root_run_id,
        "committed_at": dt.datetime.now(dt.UTC),
        "made_with": run.made_with,
        "outdated": False,
    }
    connection.execute(_commit(connection.dialect.name), of_this)
    if later := [one.value for one in with_downstream([stage]) if one is not stage]:
        connection.execute(_OUTDATE, {"its_number": number, "later": later})
    connection.execute(_STATE, {"its_number": number, "its_stage": stage.value})


# Statements of each stage of each recording, made once: making one takes SQLAlchemy longer than running it.
_NUMBER = sa.select(recordings.c.number).where(recordings.c.recording_id == sa.bindparam("its_id"))
_NUMBER_LOCKED = _NUMBER.with_for_update()
_OF_IT = stage_commits.c.recording_number == sa.bindparam("its_number")
_OUTDATE = (
    sa.update(stage_commits)
    .where(_OF_IT, stage_commits.c.stage.in_(sa.bindparam("later", expanding=True)))
    .values(outdated=True)
)
_COMMITTED = sa.select(sa.func.count()).select_from(stage_commits).where(_OF_IT, ~stage_commits.c.outdated)
_STATE = (
    sa.update(recordings)
    .where(
        recordings.c.number == sa.bindparam("its_number"),
        recordings.c.failed_stage.is_(None) | (recordings.c.failed_stage == sa.bindparam("its_stage")),
    )
    .values(
        state=sa.case(
            (_COMMITTED.scalar_subquery() == len(Stage), RecordingState.DONE.value),
            else_=RecordingState.IN_PROGRESS.value,
        ),
        **CLEARED,
    )
)


@cache
def _commit(dialect: str) -> "sqlite.Insert | postgresql.Insert":
    key = ["recording_number", "stage"]
    insert = _insert_of(dialect)(stage_commits)
    values = {column.name: insert.excluded[column.name] for column in stage_commits.c if column.name not in key}
    return insert.on_conflict_do_update(index_elements=key, set_=values)


def note_failure(connection: Connection, number: int, stage: Stage, error: PipelineError) -> None:
    """Note why a stage failed; what it gave before stays."""
    permanent = isinstance(error, PermanentFailure)
    connection.execute(
        sa.update(recordings)
        .where(recordings.c.number == number)
        .values(
            state=(RecordingState.QUARANTINED if permanent else RecordingState.FAILED).value,
            failed_stage=stage.value,
            failure_kind=type(error).__name__,
            reason=str(error),
            failures=recordings.c.failures + 1,
            failed_at=dt.datetime.now(dt.UTC),
        )
    )


def note_dropped(connection: Connection, number: int) -> bool:
    """Give up a recording that failed; why it failed stays noted. False where it has not failed."""
    failed = recordings.c.state.in_([RecordingState.FAILED.value, RecordingState.QUARANTINED.value])
    given_up = sa.update(recordings).where(recordings.c.number == number, failed)
    return bool(connection.execute(given_up.values(state=RecordingState.DROPPED.value)).rowcount)


def revive(connection: Connection, recording_ids: Sequence[str]) -> None:
    """Take up again what a person had given up, and what had lost its original: its file was offered anew."""
    for ids in in_chunks(recording_ids):
        dropped = recordings.c.recording_id.in_(ids) & (recordings.c.state == RecordingState.DROPPED.value)
        taken_up = sa.update(recordings).where(dropped)
        connection.execute(taken_up.values(state=RecordingState.IN_PROGRESS.value, **CLEARED))
        lost = recordings.c.recording_id.in_(ids) & recordings.c.original_removed_at.is_not(None)
        connection.execute(sa.update(recordings).where(lost).values(original_removed_at=None))
