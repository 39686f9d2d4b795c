"""What is registered and not yet done, in SQL."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import arrivals, recordings


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """A recording that is in progress."""

    recording_id: str
    size_bytes: int
    registered_at: dt.datetime


def unprocessed(engine: Engine, ways: Iterable[Way] | None) -> list[Unprocessed]:
    """Give the recordings that are in progress, in the order of registration; of those that came so only."""
    return _rows(engine, sa.true() if ways is None else _came(ways))


def left_to_sensors(engine: Engine, *, above_bytes: int, before: dt.datetime) -> list[Unprocessed]:
    """Give the recordings in progress that came into the inbox, or as uploads that are large or have waited long."""
    is_left = (recordings.c.size_bytes > above_bytes) | (recordings.c.registered_at < before)
    return _rows(engine, _came([Way.INBOX]) | (_came([Way.UPLOAD]) & is_left))


def count_unprocessed(engine: Engine, ways: Iterable[Way]) -> int:
    """Count the recordings in progress that came so."""
    query = sa.select(sa.func.count()).select_from(recordings).where(_IN_PROGRESS, _came(ways))
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())


_IN_PROGRESS = recordings.c.state == RecordingState.IN_PROGRESS.value


def _came(ways: Iterable[Way]) -> "sa.ColumnElement[bool]":
    by = arrivals.c.way.in_([way.value for way in ways])
    return sa.exists().where(arrivals.c.recording_id == recordings.c.recording_id, by)


def _rows(engine: Engine, condition: "sa.ColumnElement[bool]") -> list[Unprocessed]:
    columns = (recordings.c.recording_id, recordings.c.size_bytes, recordings.c.registered_at)
    query = sa.select(*columns).where(_IN_PROGRESS, condition).order_by(recordings.c.number)
    with reading(engine) as connection:
        return [Unprocessed(*row) for row in connection.execute(query)]
