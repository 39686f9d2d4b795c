"""What SQL says of recordings that Dagster must say too: which are registered, and which stages are committed."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.tables import recordings, stage_commits

ROWS_AT_A_TIME = 5000


class Committed(NamedTuple):
    """A stage of a recording that is committed, and the first run of the chain that did it."""

    recording_id: str
    root_run_id: str
    committed_at: dt.datetime
    retired: bool


class Registered(NamedTuple):
    """A recording."""

    recording_id: str
    in_progress: bool
    registered_at: dt.datetime
    retired: bool


def committed(connection: Connection, stage: Stage) -> Iterator[Committed]:
    """Give every recording that a stage is committed of, in the order of registration."""
    joined = stage_commits.join(recordings, recordings.c.number == stage_commits.c.recording_number)
    query = (
        sa.select(
            recordings.c.recording_id,
            stage_commits.c.root_run_id,
            stage_commits.c.committed_at,
            recordings.c.retired_at.is_not(None),
        )
        .select_from(joined)
        .where(stage_commits.c.stage == stage.value)
        .order_by(recordings.c.number)
    )
    return (Committed(row[0], row[1], row[2], bool(row[3])) for row in _streamed(connection, query))


def registered(connection: Connection) -> Iterator[Registered]:
    """Give every recording, in the order of registration."""
    query = sa.select(
        recordings.c.recording_id,
        recordings.c.state == RecordingState.IN_PROGRESS.value,
        recordings.c.registered_at,
        recordings.c.retired_at.is_not(None),
    ).order_by(recordings.c.number)
    return (Registered(row[0], bool(row[1]), row[2], bool(row[3])) for row in _streamed(connection, query))


def _streamed(connection: Connection, query: "sa.Select[*tuple[Any, ...]]") -> Iterator["sa.Row[*tuple[Any, ...]]"]:
    streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_A_TIME)
    for rows in streamed.execute(query).partitions(ROWS_AT_A_TIME):
        yield from rows
