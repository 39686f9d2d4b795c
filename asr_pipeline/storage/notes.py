"""Notes in SQL: what people do with them. What runs do with their translations: `note_work.py`.

Whoever writes locks the note's row first, so that an edit and a translation's step come one after the other.
"""

import datetime as dt
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.errors import NoteChanged
from asr_pipeline.domain.note import Note, NoteDraft, NoteTranslation, TranslationStatus, checked
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.faults import database_errors
from asr_pipeline.storage.standing import insert_into
from asr_pipeline.storage.tables import note_translations, notes

ID_BYTES = 8
_REVISION = sa.select(notes.c.revision).where(notes.c.note_id == sa.bindparam("note_id"))
ASKED_ANEW = {
    "status": TranslationStatus.PENDING.value,
    "text": None,
    "reason": None,
    "run_id": None,
    "failures": 0,
    "failed_at": None,
    "deaths": 0,
}


@dataclass(frozen=True, slots=True)
class NoteFilter:
    """Which notes to list: written in a language, with a translation in a status, with a text in title or text."""

    language: str | None = None
    status: TranslationStatus | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class NotePage:
    """Some notes, newest first. `next_number` is where the next page begins, None where this is the last."""

    notes: tuple[Note, ...]
    next_number: int | None


class SqlNotes:
    """Notes over an engine whose tables are up to date. May be shared by threads.

    What is asked of a note that is not there raises KeyError.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, draft: NoteDraft) -> Note:
        """Keep a new note. Raises NoteInvalid."""
        now = dt.datetime.now(dt.UTC)
        note = Note(secrets.token_hex(ID_BYTES), checked(draft), version=1, revision=1, created_at=now, changed_at=now)
        row = {"note_id": note.note_id, **_written(draft), "version": 1, "text_version": 1, "revision": 1}
        with writing(self._engine) as connection:
            connection.execute(sa.insert(notes).values(**row, created_at=now, changed_at=now))
        return note

    def get(self, note_id: str) -> Note:
        """Give a note with its translations."""
        with reading(self._engine) as connection:
            return _get(connection, note_id)

    def revision(self, note_id: str) -> int:
        """Give a note's revision: one row by its key, for every read of a note asks for it."""
        with database_errors(self._engine.url), self._engine.connect() as connection:
            found: int | None = connection.execute(_REVISION, {"note_id": note_id}).scalar()
        if found is None:
            raise KeyError(note_id)
        return found

    def language(self, note_id: str) -> str:
        """Give the language that a note is written in."""
        return self.get(note_id).draft.original_language

    def page(self, wanted: NoteFilter, *, limit: int, before: int | None = None) -> NotePage:
        """List notes, newest first: at most `limit`, of those numbered below `before`."""
        query = sa.select(notes).where(*_conditions(wanted)).order_by(notes.c.number.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(notes.c.number < before)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            shown = rows[:limit]
            found = _with_translations(connection, shown)
        return NotePage(found, shown[-1].number if len(rows) > limit else None)

    def count(self, wanted: NoteFilter) -> int:
        """Count the notes that a filter lets through."""
        with reading(self._engine) as connection:
            query = sa.select(sa.func.count()).select_from(notes).where(*_conditions(wanted))
            return connection.execute(query).scalar_one()

    def edit(self, note_id: str, changes: dict[str, str], *, version: int | None = None) -> Note:
        """Change some of title, original_text and original_language; with `version`, of that version alone.

        Raises NoteInvalid, and NoteChanged where the note is in another version.
        """
        with writing(self._engine) as connection:
            row = locked(connection, note_id)
            if version is not None and row.version != version:
                raise NoteChanged(
                    f"note {note_id}",
                    expected=f"version {version}, for which the edit was made",
                    found=f"version {row.version}",
                    remedy="Read it again, and make the edit on what is there now.",
                )
            before = _draft(row)
            after = checked(NoteDraft(**{**_written(before), **changes}))
            if after != before:
                _put(connection, row, after, is_another_text=_translated(after) != _translated(before))
            return _get(connection, note_id)

    def delete(self, note_id: str) -> None:
        """Remove a note and its translations."""
        with writing(self._engine) as connection:
            if not connection.execute(sa.delete(notes).where(notes.c.note_id == note_id)).rowcount:
                raise KeyError(note_id)

    def ask(self, note_id: str, language: str) -> NoteTranslation:
        """Have a note translated; what is asked for, in work or done already stays. PENDING: it was to be asked for.

        What failed is asked for anew.
        """
        stays = (TranslationStatus.PENDING.value, TranslationStatus.RUNNING.value, TranslationStatus.DONE.value)
        with writing(self._engine) as connection:
            note = locked(connection, note_id)
            there = _translations(connection, [note.number]).get(note.number, {}).get(language)
            if there is not None and there.status.value in stays:
                return there
            values = {**ASKED_ANEW, "text_version": note.text_version, "asked_at": dt.datetime.now(dt.UTC)}
            asked = insert_into(connection, note_translations).values(
                note_number=note.number, language=language, **values
            )
            connection.execute(asked.on_conflict_do_update(index_elements=["note_number", "language"], set_=values))
            raise_revision(connection, [note.number])
        return NoteTranslation(language, TranslationStatus.PENDING)


def locked(connection: Connection, note_id: str) -> "sa.Row[Any]":
    """Give a note's row; other writers of the note wait. Raises KeyError where there is none."""
    row = connection.execute(sa.select(notes).where(notes.c.note_id == note_id).with_for_update()).first()
    if row is None:
        raise KeyError(note_id)
    return row


def raise_revision(connection: Connection, numbers: Iterable[int]) -> None:
    """Note that readers of some notes could see a change."""
    of_these = notes.c.number.in_(list(numbers))
    connection.execute(sa.update(notes).where(of_these).values(revision=notes.c.revision + 1))


def _put(connection: Connection, row: "sa.Row[Any]", draft: NoteDraft, *, is_another_text: bool) -> None:
    version = row.version + 1
    values: dict[str, object] = {**_written(draft), "version": version, "revision": row.revision + 1}
    if is_another_text:
        values["text_version"] = version
        outdated = {**ASKED_ANEW, "status": TranslationStatus.OUTDATED.value}
        of_this = note_translations.c.note_number == row.number
        connection.execute(sa.update(note_translations).where(of_this).values(outdated))
    values["changed_at"] = dt.datetime.now(dt.UTC)
    connection.execute(sa.update(notes).where(notes.c.number == row.number).values(values))


def _get(connection: Connection, note_id: str) -> Note:
    """Read note and translations in one statement: they belong together whatever the isolation."""
    query = (
        sa.select(notes, *_SHOWN)
        .outerjoin(note_translations, note_translations.c.note_number == notes.c.number)
        .where(notes.c.note_id == note_id)
        .order_by(note_translations.c.language)
    )
    rows = connection.execute(query).all()
    if not rows:
        raise KeyError(note_id)
    return _note(rows[0], [_translation(row) for row in rows if row.language is not None])


_SHOWN = [note_translations.c[name] for name in ("language", "status", "text", "reason", "model")]


def _with_translations(connection: Connection, rows: Sequence["sa.Row[Any]"]) -> tuple[Note, ...]:
    translations = _translations(connection, [row.number for row in rows])
    return tuple(_note(row, translations.get(row.number, {}).values()) for row in rows)


def _translations(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, NoteTranslation]]:
    column = note_translations.c
    query = sa.select(column.note_number, *_SHOWN).where(column.note_number.in_(numbers)).order_by(column.language)
    found: dict[int, dict[str, NoteTranslation]] = {}
    for row in connection.execute(query):
        found.setdefault(row.note_number, {})[row.language] = _translation(row)
    return found


def _translation(row: "sa.Row[Any]") -> NoteTranslation:
    return NoteTranslation(row.language, TranslationStatus(row.status), row.text, row.reason, row.model)


def _note(row: "sa.Row[Any]", translations: Iterable[NoteTranslation]) -> Note:
    return Note(
        row.note_id,
        _draft(row),
        version=row.version,
        revision=row.revision,
        created_at=row.created_at,
        changed_at=row.changed_at,
        translations=tuple(translations),
    )


def _draft(row: "sa.Row[Any]") -> NoteDraft:
    return NoteDraft(row.title, row.original_text, row.original_language)


def _written(draft: NoteDraft) -> dict[str, str]:
    return {
        "title": draft.title,
        "original_text": draft.original_text,
        "original_language": draft.original_language,
    }


def _translated(draft: NoteDraft) -> tuple[str, str]:
    """Give what a translation is made from."""
    return draft.original_text, draft.original_language


def _conditions(wanted: NoteFilter) -> list["sa.ColumnElement[bool]"]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.language is not None:
        conditions.append(notes.c.original_language == wanted.language)
    if wanted.status is not None:
        column = note_translations.c
        in_it = (column.note_number == notes.c.number) & (column.status == wanted.status.value)
        conditions.append(sa.exists().where(in_it))
    if wanted.text is not None:
        conditions.append(
            notes.c.title.icontains(wanted.text, autoescape=True)
            | notes.c.original_text.icontains(wanted.text, autoescape=True)
        )
    return conditions
