"""Search over what was said and what it was translated into: SQLite's FTS5 or PostgreSQL's full text.

`search_texts` holds each text with its words folded (`domain.search`), so that both databases find the same. It is
written in the transaction that writes the texts themselves. What a person types is taken apart before it comes to SQL:
only letters and digits are left of it, quoted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.search import Snippet, Term, indexed, snippet, terms
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.in_force import corrected_text
from asr_pipeline.storage.tables import recordings, search_texts, translations, utterances

Place = tuple[int, int, str]  # (recording's number, utterance, language): where a page of hits goes on


@dataclass(frozen=True, slots=True)
class Hit:
    """An utterance that has all the words, in one language, and when it was said."""

    recording_id: str
    name: str
    utterance_index: int
    language: str
    start_s: float
    end_s: float
    snippet: Snippet


def search(
    engine: Engine, query: str, limit: int, *, language: str | None = None, after: Place | None = None
) -> tuple[list[Hit], Place | None]:
    """Give the utterances that have every word of a query, of the newest recording first, and where to go on, if so.

    What begins with the last word is found too. A query without a letter or a digit finds nothing.
    """
    wanted = terms(query)
    if not wanted:
        return [], None
    with reading(engine) as connection:
        found = connection.execute(_hits(connection, wanted, limit + 1, language, after)).all()
        hits = [
            Hit(
                recording_id=row.recording_id,
                name=row.name,
                utterance_index=row.utterance_index,
                language=row.language,
                start_s=row.start_s,
                end_s=row.end_s,
                snippet=snippet(row.shown, wanted),
            )
            for row in found[:limit]
        ]
    last = found[limit - 1] if len(found) > limit else None
    return hits, None if last is None else (last.recording_number, last.utterance_index, last.language)


def put_search_texts(connection: Connection, number: int, language: str, texts: Mapping[int, str]) -> None:
    """Add what is searched of a recording in one language, by utterance: nothing of it may be there."""
    rows = [
        {"recording_number": number, "language": language, "utterance_index": index, "text": indexed(text)}
        for index, text in texts.items()
    ]
    if rows:
        connection.execute(sa.insert(search_texts), rows)


def put_search_text(connection: Connection, number: int, language: str, index: int, text: str) -> None:
    """Replace what is searched of one utterance."""
    c = search_texts.c
    where = (c.recording_number == number) & (c.language == language) & (c.utterance_index == index)
    connection.execute(sa.update(search_texts).where(where).values(text=indexed(text)))


def forget_search_texts(connection: Connection, number: int, *, besides: str | None = None) -> None:
    """Remove what is searched of a recording, in all languages or in all besides one."""
    query = sa.delete(search_texts).where(search_texts.c.recording_number == number)
    connection.execute(query if besides is None else query.where(search_texts.c.language != besides))


def _hits(
    connection: Connection, wanted: Sequence[Term], limit: int, language: str | None, after: Place | None
) -> "sa.Select[*tuple[object, ...]]":
    text, spoken, translated = search_texts.c, utterances.c, translations.c
    shown = sa.case(
        (text.language == SOURCE_LANGUAGE, corrected_text(spoken, sa.literal(SOURCE_LANGUAGE), spoken.text)),
        else_=corrected_text(translated, text.language, translated.text),
    )
    query = (
        sa.select(
            recordings.c.recording_id,
            recordings.c.name,
            text.recording_number,
            text.utterance_index,
            text.language,
            spoken.start_s,
            spoken.end_s,
            sa.type_coerce(shown, utterances.c.text.type).label("shown"),
        )
        .select_from(search_texts)
        .join(recordings, recordings.c.number == text.recording_number)
        .join(
            utterances,
            (spoken.recording_number == text.recording_number) & (spoken.utterance_index == text.utterance_index),
        )
        .outerjoin(
            translations,
            (translated.recording_number == text.recording_number)
            & (translated.utterance_index == text.utterance_index)
            & (translated.language == text.language),
        )
        .where(_has_all(connection, wanted))
        .where((text.language == SOURCE_LANGUAGE) | translated.text.is_not(None))
        .order_by(text.recording_number.desc(), text.utterance_index, text.language)
        .limit(limit)
    )
    if language is not None:
        query = query.where(text.language == language)
    if after is not None:
        number, index, code = after
        later = (text.utterance_index > index) | ((text.utterance_index == index) & (text.language > code))
        query = query.where((text.recording_number < number) | ((text.recording_number == number) & later))
    return query


def _has_all(connection: Connection, wanted: Sequence[Term]) -> "sa.ColumnElement[bool]":
    if connection.dialect.name == "sqlite":
        matching = sa.text("SELECT rowid FROM search_index WHERE search_index MATCH :wanted")
        return search_texts.c.number.in_(
            matching.bindparams(wanted=_matching(wanted, '"{}"', "*", " AND ", " OR ")).columns(rowid=sa.Integer)
        )
    query = sa.func.to_tsquery(sa.literal_column("'simple'"), _matching(wanted, "'{}'", ":*", " & ", " | "))
    return sa.func.to_tsvector(sa.literal_column("'simple'"), search_texts.c.text).bool_op("@@")(query)


def _matching(wanted: Sequence[Term], quoted: str, prefix: str, both: str, either: str) -> str:
    """Write the words in a database's own syntax; each is letters and digits alone."""

    def one(word: str, *, begins: bool) -> str:
        return quoted.format(word) + (prefix if begins else "")

    def of_term(term: Term) -> str:
        apart = both.join(
            one(part, begins=term.is_last and number == len(term.parts)) for number, part in enumerate(term.parts, 1)
        )
        return f"(({apart}){either}{one(term.joined, begins=term.is_last)})" if len(term.parts) > 1 else apart

    return both.join(of_term(term) for term in wanted)
