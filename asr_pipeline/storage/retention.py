"""Originals that are no longer needed are removed, and that they were is noted first.

An original is needed by every recording that is not done: what failed, waits or lies in quarantine keeps its own.
"""

import datetime as dt
from collections.abc import Collection, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.tables import recordings, stage_commits


def remove_old_originals(
    engine: Engine, layout: Layout, *, done_before: dt.datetime, in_use: Collection[str] = ()
) -> Iterator[tuple[str, int]]:
    """Remove the originals of recordings that were done before a moment; give (recording, bytes) of each as it goes.

    `in_use` are recordings that a run works on now. Originals outside the data folder are never touched. The row says
    that the original is gone before it is: a crash in between leaves a file, which the next call removes.
    """
    for recording_id, source in _candidates(engine, done_before):
        path = layout.absolute(source)
        if recording_id in in_use or not path.is_relative_to(layout.originals):
            continue
        if _note_removed(engine, recording_id):
            size_bytes = path.stat().st_size if path.is_file() else 0
            path.unlink(missing_ok=True)
            yield recording_id, size_bytes
    for recording_id, path in _left_behind(engine, layout):
        if recording_id not in in_use:
            path.unlink(missing_ok=True)


def _candidates(engine: Engine, done_before: dt.datetime) -> list[tuple[str, str]]:
    last_commit = (
        sa.select(sa.func.max(stage_commits.c.committed_at))
        .where(stage_commits.c.recording_number == recordings.c.number)
        .scalar_subquery()
    )
    query = sa.select(recordings.c.recording_id, recordings.c.source).where(
        recordings.c.state == RecordingState.DONE.value,
        recordings.c.original_removed_at.is_(None),
        last_commit < done_before,
    )
    with reading(engine) as connection:
        return [(row.recording_id, row.source) for row in connection.execute(query.order_by(recordings.c.number))]


def _note_removed(engine: Engine, recording_id: str) -> bool:
    """Note it, unless the recording has stopped being done meanwhile."""
    table = recordings.c
    with writing(engine) as connection:
        noted = connection.execute(
            sa.update(recordings)
            .where(table.recording_id == recording_id, table.state == RecordingState.DONE.value)
            .values(original_removed_at=dt.datetime.now(dt.UTC))
        )
        return bool(noted.rowcount)


def _left_behind(engine: Engine, layout: Layout) -> list[tuple[str, Path]]:
    """Give originals that are there although their row says that they are gone."""
    query = sa.select(recordings.c.recording_id, recordings.c.source).where(
        recordings.c.original_removed_at.is_not(None), recordings.c.state == RecordingState.DONE.value
    )
    with reading(engine) as connection:
        found = [(row.recording_id, layout.absolute(row.source)) for row in connection.execute(query)]
    return [(one, path) for one, path in found if path.is_relative_to(layout.originals) and path.is_file()]
