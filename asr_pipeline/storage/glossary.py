"""The glossary in SQL, and which recordings' translations were made with another one than there is now."""

import datetime as dt
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.glossary import Glossary, GlossaryEntry
from asr_pipeline.domain.transcript import as_sentence
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.in_force import corrected_text
from asr_pipeline.storage.standing import in_chunks, insert_into
from asr_pipeline.storage.tables import glossary, recordings, translation_sets, utterances

ROWS_AT_A_TIME = 5_000


class SqlGlossary:
    """`ports.Glossaries` over an engine whose tables are up to date, and its changes. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, entries: Iterable[GlossaryEntry], source: str, target: str) -> None:
        """Add terms, all or none; a term that is there gets the new translation. Of equal terms the last counts."""
        now = dt.datetime.now(dt.UTC)
        rows = {
            entry.term: {
                "source_language": source,
                "target_language": target,
                "term": entry.term,
                "translation": entry.translation,
                "changed_at": now,
            }
            for entry in entries
        }
        if not rows:
            return
        with writing(self._engine) as connection:
            insert = insert_into(connection, glossary)
            changed = {name: insert.excluded[name] for name in ("translation", "changed_at")}
            other = glossary.c.translation != insert.excluded.translation
            key = ["source_language", "target_language", "term"]
            upsert = insert.on_conflict_do_update(index_elements=key, set_=changed, where=other)
            connection.execute(upsert, [row for _, row in sorted(rows.items())])

    def remove(self, terms: Iterable[str], source: str, target: str) -> int:
        """Remove terms, folded as entries have them; give how many were there."""
        removed = 0
        with writing(self._engine) as connection:
            for some in in_chunks(sorted(set(terms))):
                removed += connection.execute(
                    sa.delete(glossary).where(_of(source, target), glossary.c.term.in_(some))
                ).rowcount
        return removed

    def entries(self, source: str, target: str) -> list[GlossaryEntry]:
        """Give the terms of a pair of languages, in the order of the alphabet."""
        with reading(self._engine) as connection:
            return _entries(connection, source, target)

    def glossary(self, source: str, target: str) -> Glossary:
        """Give the terms of a pair of languages, ready to be looked for."""
        return Glossary(self.entries(source, target), language=target)


def recordings_with_changed_glossary(engine: Engine, source: str, target: str) -> set[str]:
    """Give the recordings whose translations into `target` were made with other terms than apply to them now.

    One pass over the texts of translated recordings, a few thousand rows in memory at a time; without any term now,
    over those alone that were made with some.
    """
    changed: set[str] = set()
    with reading(engine) as connection:
        now = Glossary(_entries(connection, source, target), language=target)
        for (recording_id, made_with), rows in groupby(
            _texts(connection, target, all_of_them=bool(now.entries)), _head
        ):
            if now.fingerprint(as_sentence(row.text) for row in rows if row.text) != made_with:
                changed.add(recording_id)
    return changed


def _texts(connection: Connection, target: str, *, all_of_them: bool) -> Iterator["sa.Row[Any]"]:
    """Stream (recording, glossary it was translated with, text of an utterance), a recording's rows together."""
    head = translation_sets.c
    number = head.recording_number
    said = corrected_text(utterances.c, sa.literal(SOURCE_LANGUAGE), utterances.c.text)
    query = (
        sa.select(recordings.c.recording_id, head.glossary, sa.type_coerce(said, utterances.c.text.type).label("text"))
        .select_from(
            translation_sets.join(recordings, recordings.c.number == number).outerjoin(
                utterances, utterances.c.recording_number == number
            )
        )
        .where(head.language == target)
        .order_by(number)
    )
    if not all_of_them:
        query = query.where(head.glossary != "")
    return iter(connection.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME}))


def _head(row: "sa.Row[Any]") -> tuple[str, str]:
    return row.recording_id, row.glossary


def _entries(connection: Connection, source: str, target: str) -> list[GlossaryEntry]:
    query = sa.select(glossary.c.term, glossary.c.translation).where(_of(source, target))
    return sorted(GlossaryEntry(*row) for row in connection.execute(query))


def _of(source: str, target: str) -> "sa.ColumnElement[bool]":
    return (glossary.c.source_language == source) & (glossary.c.target_language == target)
