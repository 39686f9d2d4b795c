"""Which recordings have stages that would come out differently today, found in SQL: no text is loaded.

A stage is stale where it was made with other code, models or settings than today's (`RunContext.made_with`), or where
it is made from a stage that is stale. What is made from a stage that was committed anew is not stale but missing:
`standing.note_commit` sees to that.
"""

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.redo import Redo
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import recordings, stage_commits

# Gives recordings whose translations another glossary would change, and why.
GlossaryChanged = Callable[[], Mapping[str, str]]


def stale(engine: Engine, made_with: Mapping[Stage, str], glossary_changed: GlossaryChanged = dict) -> list[Redo]:
    """Give what is stale of recordings that are done, in the order of registration. `made_with` is today's."""
    found: dict[int, tuple[str, dict[Stage, str]]] = {}
    changed = glossary_changed()
    with reading(engine) as connection:
        for stage in Stage:
            for row in connection.execute(_stale_rows(stage, made_with[stage])):
                _, reasons = found.setdefault(row.number, (row.recording_id, {}))
                reasons[stage] = _reason(stage, row.made_with, made_with[stage])
        for number, recording_id in _done_among(connection, changed):
            _, reasons = found.setdefault(number, (recording_id, {}))
            reasons.setdefault(Stage.TRANSLATIONS, f"{Stage.TRANSLATIONS}: {changed[recording_id]}")
    return [
        Redo(recording_id, with_downstream(reasons), tuple(reasons.values()))
        for _, (recording_id, reasons) in sorted(found.items())
    ]


def _stale_rows(stage: Stage, today: str) -> "sa.Select[tuple[int, str, str]]":
    """Select (number, id, made_with) of done recordings whose own rows tell that this stage is stale."""
    joined = stage_commits.join(recordings, recordings.c.number == stage_commits.c.recording_number)
    return (
        sa.select(recordings.c.number, recordings.c.recording_id, stage_commits.c.made_with)
        .select_from(joined)
        .where(
            recordings.c.state == RecordingState.DONE.value,
            stage_commits.c.stage == stage.value,
            stage_commits.c.made_with != today,
            ~stage_commits.c.outdated,
        )
    )


def _reason(stage: Stage, old: str, today: str) -> str:
    return f"{stage}: {old or '(not known)'} → {today}"


def _done_among(connection: Connection, recording_ids: Mapping[str, str]) -> list[tuple[int, str]]:
    if not recording_ids:
        return []
    query = sa.select(recordings.c.number, recordings.c.recording_id)
    rows = connection.execute(query.where(recordings.c.state == RecordingState.DONE.value))
    return [(number, recording_id) for number, recording_id in rows if recording_id in recording_ids]
