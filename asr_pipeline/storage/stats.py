"""Figures over everything, for whoever asks the gateway: one grouped query each, in one state of the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.note import TranslationStatus
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import audio, note_translations, notes, recordings, transcripts

UNTRANSLATED = "untranslated"


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is. `notes_by_status` counts notes that have a translation in a status, or none at all."""

    notes_by_language: Mapping[str, int]
    notes_by_status: Mapping[str, int]
    translations: Mapping[str, Mapping[str, int]]  # by language, then status
    recordings_by_state: Mapping[str, int]
    audio_s: float
    words: int
    mean_confidence: float | None


def make_stats(engine: Engine) -> Stats:
    """Count."""
    with reading(engine) as connection:
        by_language = sa.select(notes.c.original_language, sa.func.count()).group_by(notes.c.original_language)
        states = dict.fromkeys(RecordingState, 0) | _counted(
            connection, sa.select(recordings.c.state, sa.func.count()).group_by(recordings.c.state)
        )
        audio_s = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(audio.c.duration_s), 0.0))).scalar_one()
        words, mean_confidence = _words(connection)
        return Stats(
            notes_by_language=_counted(connection, by_language),
            notes_by_status=_notes_by_status(connection),
            translations=_translations(connection),
            recordings_by_state=states,
            audio_s=audio_s,
            words=words,
            mean_confidence=mean_confidence,
        )


def _counted(connection: Connection, query: "sa.Select[Any, int]") -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in sorted(connection.execute(query).all())}


def _notes_by_status(connection: Connection) -> dict[str, int]:
    status = sa.func.coalesce(note_translations.c.status, UNTRANSLATED)
    query = (
        sa.select(status, sa.func.count(notes.c.number.distinct()))
        .outerjoin_from(notes, note_translations, note_translations.c.note_number == notes.c.number)
        .group_by(status)
    )
    return dict.fromkeys([UNTRANSLATED, *TranslationStatus], 0) | _counted(connection, query)


def _translations(connection: Connection) -> dict[str, dict[str, int]]:
    column = note_translations.c
    query = sa.select(column.language, column.status, sa.func.count()).group_by(column.language, column.status)
    found: dict[str, dict[str, int]] = {}
    for language, status, count in sorted(connection.execute(query).all()):
        found.setdefault(language, dict.fromkeys(TranslationStatus, 0))[status] = count
    return found


def _words(connection: Connection) -> tuple[int, float | None]:
    """Give how many words there are, and their mean confidence."""
    column = transcripts.c
    weighted = sa.func.sum(column.word_count * column.mean_confidence)
    words, total = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(column.word_count), 0), weighted)).one()
    return int(words), total / int(words) if words and total is not None else None
