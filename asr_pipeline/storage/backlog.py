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
    columns = (recordings.c.recording_id, recordings.c.size_bytes, recordings.c.registered_at)
    query = sa.select(*columns).where(recordings.c.state == RecordingState.IN_PROGRESS.value)
    if ways is not None:
        came = (arrivals.c.recording_id == recordings.c.recording_id) & arrivals.c.way.in_([way.value for way in ways])
        query = query.where(sa.exists().where(came))
    with reading(engine) as connection:
        return [Unprocessed(*row) for row in connection.execute(query.order_by(recordings.c.number))]
