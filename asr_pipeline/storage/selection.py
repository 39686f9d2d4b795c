"""Which recordings a backfill takes, and from which stage on; found in SQL, in the order of registration."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.redo import Redo
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import recordings, stage_commits


def missing(engine: Engine) -> list[Redo]:
    """Give registered recordings that no stage failed, from the first stage on that they lack."""
    return _unfinished(engine, RecordingState.IN_PROGRESS)


def failed(engine: Engine) -> list[Redo]:
    """Give recordings that their surroundings failed, from the first stage on that failed or is lacking."""
    return _unfinished(engine, RecordingState.FAILED)


def since(engine: Engine, moment: dt.datetime) -> list[Redo]:
    """Give recordings that were registered since, whatever became of them, except what a person gave up; all stages."""
    query = (
        sa.select(recordings.c.recording_id)
        .where(recordings.c.registered_at >= moment, recordings.c.state != RecordingState.DROPPED.value)
        .order_by(recordings.c.number)
    )
    with reading(engine) as connection:
        ids = connection.execute(query).scalars().all()
    return [
        Redo(recording_id, frozenset(Stage), (f"registered since {moment:%Y-%m-%d %H:%M}",)) for recording_id in ids
    ]


def _unfinished(engine: Engine, state: RecordingState) -> list[Redo]:
    of_state = recordings.c.state == state.value
    heads = sa.select(recordings.c.number, recordings.c.recording_id, recordings.c.failed_stage).where(of_state)
    joined = stage_commits.join(recordings, recordings.c.number == stage_commits.c.recording_number)
    commits = sa.select(recordings.c.number, stage_commits.c.stage).select_from(joined)
    commits = commits.where(of_state, ~stage_commits.c.outdated)
    made: dict[int, set[Stage]] = {}
    with reading(engine) as connection:
        found = connection.execute(heads.order_by(recordings.c.number)).all()
        for number, stage in connection.execute(commits):
            made.setdefault(number, set()).add(Stage(stage))
    return [
        _redo(row.recording_id, made.get(row.number, set()), Stage(row.failed_stage) if row.failed_stage else None)
        for row in found
    ]


def _redo(recording_id: str, made: set[Stage], failed_stage: Stage | None) -> Redo:
    lacking = set(Stage) - made
    stages = with_downstream(lacking | ({failed_stage} if failed_stage else set()) or {Stage.SUBTITLES})
    first = min(stages, key=lambda stage: stage.order)
    return Redo(recording_id, stages, (f"{first}: failed" if first is failed_stage else f"{first}: none yet",))
