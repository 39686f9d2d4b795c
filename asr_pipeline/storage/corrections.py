"""The corrections that people make, in SQL: every revision is kept, and the recognised words stay as they are.

A correction, the translations that follow from it, and what is searched are written in one transaction.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.corrections import Correction, anchored
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.search import put_search_text
from asr_pipeline.storage.standing import number_of
from asr_pipeline.storage.tables import corrections, translation_sets, translations, utterances

_COLUMNS = tuple(column for column in corrections.c if column.name != "recording_number")


@dataclass(frozen=True, slots=True)
class CorrectedText:
    """A text that a person wrote for an utterance, in place of `old_text`, and what else changes with it.

    `translations` are machine translations of the new sentence, by language; `glossaries` name the terms that apply to
    the whole recording now, by language.
    """

    language: str
    utterance_index: int
    old_text: str
    new_text: str
    corrected_by: str
    translations: Mapping[str, str] = field(default_factory=dict)
    glossaries: Mapping[str, str] = field(default_factory=dict)


def revisions(engine: Engine, recording_id: str, language: str, utterance_index: int) -> list[Correction]:
    """Give the revisions of an utterance's text in one language, oldest first."""
    with reading(engine) as connection:
        number = number_of(connection, recording_id)
        where = (corrections.c.language == language) & (corrections.c.utterance_index == utterance_index)
        return [] if number is None else get_corrections(connection, number, where)


def correct(engine: Engine, recording_id: str, corrected: CorrectedText) -> bool:
    """Keep a correction. False, and nothing is written, where the text is no longer the one that it takes the place of.

    Raises KeyError where there is no such recording.
    """
    language, index = corrected.language, corrected.utterance_index
    with writing(engine) as connection:
        number = number_of(connection, recording_id, lock=True)
        if number is None:
            raise KeyError(recording_id)
        utterance = _recognised(connection, number, index)
        if utterance is None or _text_now(connection, number, language, index) != corrected.old_text:
            return False
        of_it = (corrections.c.recording_number == number) & (corrections.c.language == language)
        of_it &= corrections.c.utterance_index == index
        connection.execute(sa.update(corrections).where(of_it).values(applied=False))
        row = {
            "recording_number": number,
            "language": language,
            "utterance_index": index,
            "recognised": utterance.text,
            "start_s": utterance.start_s,
            "old_text": corrected.old_text,
            "new_text": corrected.new_text,
            "corrected_by": corrected.corrected_by,
            "corrected_at": dt.datetime.now(dt.UTC),
            "applied": True,
        }
        connection.execute(sa.insert(corrections).values(row))
        put_search_text(connection, number, language, index, corrected.new_text)
        for target, text in corrected.translations.items():
            _retranslate(connection, number, target, index, text)
        for target, fingerprint in corrected.glossaries.items():
            of_set = (translation_sets.c.recording_number == number) & (translation_sets.c.language == target)
            connection.execute(sa.update(translation_sets).where(of_set).values(glossary=fingerprint))
    return True


def get_corrections(
    connection: Connection, number: int, where: "sa.ColumnElement[bool] | None" = None
) -> list[Correction]:
    """Give a recording's corrections, oldest first."""
    query = sa.select(*_COLUMNS).where(corrections.c.recording_number == number).order_by(corrections.c.number)
    rows = connection.execute(query if where is None else query.where(where))
    return [Correction(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def get_applied(connection: Connection, number: int) -> list[Correction]:
    """Give the corrections that hold now."""
    return get_corrections(connection, number, corrections.c.applied)


def anchor_corrections(connection: Connection, number: int, spoken: Sequence[Utterance]) -> list[Correction]:
    """Bring a recording's corrections over to a transcript that was just put; give those that hold."""
    before = get_corrections(connection, number)
    after = anchored(before, spoken)
    for old, new in zip(before, after, strict=True):
        if old != new:
            values = {"utterance_index": new.utterance_index, "applied": new.applied}
            connection.execute(sa.update(corrections).where(corrections.c.number == new.number).values(values))
    return [one for one in after if one.applied]


def _recognised(connection: Connection, number: int, index: int) -> "sa.Row[Any, Any] | None":
    c = utterances.c
    query = sa.select(c.text, c.start_s).where(c.recording_number == number, c.utterance_index == index)
    return connection.execute(query).first()


def _text_now(connection: Connection, number: int, language: str, index: int) -> str | None:
    here = (corrections.c.language == language) & (corrections.c.utterance_index == index) & corrections.c.applied
    if applied := get_corrections(connection, number, here):
        return applied[-1].new_text
    table = utterances if language == SOURCE_LANGUAGE else translations
    where = (table.c.recording_number == number) & (table.c.utterance_index == index)
    if language != SOURCE_LANGUAGE:
        where &= translations.c.language == language
    found: str | None = connection.execute(sa.select(table.c.text).where(where)).scalar()
    return found


def _retranslate(connection: Connection, number: int, language: str, index: int, text: str) -> None:
    c = translations.c
    of_it = (c.recording_number == number) & (c.language == language) & (c.utterance_index == index)
    connection.execute(sa.update(translations).where(of_it).values(text=text))
    put_search_text(connection, number, language, index, text)
