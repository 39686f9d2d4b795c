"""Recordings whose partitions were retired from Dagster; SQL keeps all that is known of them."""

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import in_chunks
from asr_pipeline.storage.tables import recordings, stage_commits


def retirable(engine: Engine, recording_ids: Sequence[str], before: dt.datetime) -> list[str]:
    """Give those of these recordings that are done, and for which nothing has been committed since `before`."""
    committed_since = sa.exists(
        sa.select(sa.literal(1))
        .select_from(stage_commits)
        .where(stage_commits.c.recording_number == recordings.c.number, stage_commits.c.committed_at >= before)
    )
    query = sa.select(recordings.c.recording_id).where(
        recordings.c.state == RecordingState.DONE.value, sa.not_(committed_since)
    )
    with reading(engine) as connection:
        return [
            recording_id
            for ids in in_chunks(recording_ids)
            for recording_id in connection.execute(query.where(recordings.c.recording_id.in_(ids))).scalars()
        ]


def mark_retired(engine: Engine, recording_ids: Sequence[str]) -> None:
    """Note that their partitions are retired; a date that is noted already stays."""
    retired = sa.update(recordings).where(recordings.c.retired_at.is_(None)).values(retired_at=dt.datetime.now(dt.UTC))
    with writing(engine) as connection:
        for ids in in_chunks(recording_ids):
            connection.execute(retired.where(recordings.c.recording_id.in_(ids)))


def mark_back(engine: Engine, recording_ids: Sequence[str]) -> None:
    """Note that they have partitions again. Writes nothing where none was retired."""
    retired = sa.select(recordings.c.recording_id).where(recordings.c.retired_at.is_not(None))
    with reading(engine) as connection:
        back = [
            recording_id
            for ids in in_chunks(recording_ids)
            for recording_id in connection.execute(retired.where(recordings.c.recording_id.in_(ids))).scalars()
        ]
    if not back:
        return
    with writing(engine) as connection:
        for ids in in_chunks(back):
            connection.execute(sa.update(recordings).where(recordings.c.recording_id.in_(ids)).values(retired_at=None))
