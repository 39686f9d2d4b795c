"""How far recordings are, read from SQL for those who watch them: it is the same whichever process does the work.

`marks` is cheap and is asked for often, of all recordings that are watched at once; where a recording's mark is another
than before, its `Standing` is read.
"""

import hashlib
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.corrections import corrected_sets, corrected_transcript, texts_in
from asr_pipeline.domain.happenings import Standing
from asr_pipeline.domain.progress import progress
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.storage.corrections import get_applied
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.results import get_transcript, get_translations
from asr_pipeline.storage.spans import from_json
from asr_pipeline.storage.standing import in_chunks
from asr_pipeline.storage.tables import recordings, span_results, stage_commits


def marks(engine: Engine, recording_ids: Sequence[str]) -> dict[str, str]:
    """Give of each recording a text that is another after each thing that happened to it."""
    found: dict[str, str] = {}
    kept = (
        sa.select(sa.func.count())
        .where(span_results.c.recording_number == recordings.c.number)
        .scalar_subquery()
        .label("spans")
    )
    heads = sa.select(recordings.c.recording_id, recordings.c.state, recordings.c.failed_at, kept)
    commits = sa.select(
        recordings.c.recording_id, stage_commits.c.stage, stage_commits.c.committed_at, stage_commits.c.outdated
    ).join_from(stage_commits, recordings, recordings.c.number == stage_commits.c.recording_number)
    with reading(engine) as connection:
        for ids in in_chunks(list(recording_ids)):
            for row in connection.execute(heads.where(recordings.c.recording_id.in_(ids))):
                found[row.recording_id] = f"{row.state} {row.failed_at} {row.spans}"
            rows = connection.execute(commits.where(recordings.c.recording_id.in_(ids)))
            for recording_id, stage, committed_at, outdated in sorted(rows, key=lambda row: row.stage):
                found[recording_id] += f" {stage} {committed_at} {outdated}"
    return found


def standing(engine: Engine, recording_id: str) -> Standing | None:
    """Give where a recording stands, all of one moment; None where there is none of this id."""
    with reading(engine) as connection:
        query = sa.select(recordings.c.number, recordings.c.state, recordings.c.reason)
        row = connection.execute(query.where(recordings.c.recording_id == recording_id)).first()
        if row is None:
            return None
        commits = _commits(connection, row.number)
        spoken, translated = texts_in(get_applied(connection, row.number))
        transcript = get_transcript(connection, row.number, recording_id) if Stage.TRANSCRIPTS in commits else None
        sets = get_translations(connection, row.number, recording_id) if Stage.TRANSLATIONS in commits else []
        partial = [] if transcript else _beginning(connection, row.number)
    return Standing(
        status=progress(RecordingState(row.state), commits),
        reason=row.reason,
        partial=partial,
        transcript_mark=commits.get(Stage.TRANSCRIPTS, "-"),
        utterances=corrected_transcript(transcript, spoken).utterances if transcript else (),
        translations_mark=commits.get(Stage.TRANSLATIONS, "-"),
        translations=[each for one in corrected_sets(sets, translated) for each in one.translations],
    )


def _commits(connection: Connection, number: int) -> Mapping[Stage, str]:
    c = stage_commits.c
    query = sa.select(c.stage, c.run_id, c.committed_at).where(c.recording_number == number, ~c.outdated)
    return {
        Stage(stage): hashlib.sha256(f"{run_id} {committed_at.isoformat()}".encode()).hexdigest()[:10]
        for stage, run_id, committed_at in connection.execute(query)
    }


def _beginning(connection: Connection, number: int) -> list[Utterance]:
    """Give the utterances of the spans that are kept, up to the first that is not: in the order of time."""
    c = span_results.c
    query = sa.select(c.span_index, c.utterances).where(c.recording_number == number).order_by(c.span_index)
    found: list[Utterance] = []
    for expected, (index, text) in enumerate(connection.execute(query)):
        if index != expected:
            break
        found += from_json(text)
    return found
