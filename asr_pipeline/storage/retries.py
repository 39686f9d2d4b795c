"""Which failed recordings are due to be tried again."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.retry import is_due
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import recordings


def due_for_retry(engine: Engine, now: dt.datetime) -> list[str]:
    """Give the ids of recordings that failed transiently and are due at `now`, those that wait longest first."""
    table = recordings.c
    query = sa.select(table.recording_id, table.failed_at, table.failures).where(
        table.state == RecordingState.FAILED.value
    )
    with reading(engine) as connection:
        rows = connection.execute(query.order_by(table.failed_at, table.number)).all()
    return [row.recording_id for row in rows if is_due(row.failed_at, row.failures, now)]
