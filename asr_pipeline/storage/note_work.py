"""Translations of notes in SQL: what runs do with them. What people do with notes: `notes.py`.

A run claims what is pending, so that no two work on the same; what a run that is gone had in work is released. A result
is kept only where its text is still the note's.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.errors import EngineCrashed, PipelineError
from asr_pipeline.domain.note import MAX_DEATHS, NoteWork, TranslationStatus
from asr_pipeline.domain.retry import next_try
from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.notes import ASKED_ANEW, raise_revision
from asr_pipeline.storage.standing import in_chunks
from asr_pipeline.storage.tables import note_translations, notes

_column = note_translations.c
_joined = notes.join(note_translations, _column.note_number == notes.c.number)
_WORK = (
    notes.c.note_id,
    notes.c.title,
    notes.c.original_text,
    notes.c.text_version,
    notes.c.original_language,
    _column.language,
)
PENDING, RUNNING = TranslationStatus.PENDING.value, TranslationStatus.RUNNING.value


class SqlNoteWork:
    """`ports.NoteWorkStore` over an engine whose tables are up to date, and what is due. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, note_ids: Sequence[str], run_id: str) -> list[NoteWork]:
        """Take on all that is pending of these notes and in which no process died before."""
        claimed: list[NoteWork] = []
        for ids in in_chunks(note_ids):
            with writing(self._engine) as connection:
                claimed += _claim(connection, notes.c.note_id.in_(ids) & (_column.deaths == 0), run_id)
        return claimed

    def claim_suspect(self, note_ids: Sequence[str], run_id: str) -> NoteWork | None:
        """Take on one translation in which a process died before, the least suspect first."""
        for ids in in_chunks(note_ids):
            query = (
                sa.select(notes.c.note_id, _column.language)
                .select_from(_joined)
                .where(notes.c.note_id.in_(ids), _column.status == PENDING, _column.deaths > 0)
                .order_by(_column.deaths, notes.c.number, _column.language)
            )
            with writing(self._engine) as connection:
                for note_id, language in connection.execute(query).all():
                    one = (notes.c.note_id == note_id) & (_column.language == language)
                    if work := _claim(connection, one, run_id):
                        return work[0]
        return None

    def save(self, work: NoteWork, text: str, version: EngineVersion, run_id: str) -> bool:
        """Keep a translation. False, and nothing is kept, where it is not this run's any more: the note was edited."""
        made_by = {"engine": version.engine, "model": version.model, "model_version": version.version}
        return self._end(work, run_id, {**ASKED_ANEW, **made_by, "status": TranslationStatus.DONE.value, "text": text})

    def fail(self, work: NoteWork, error: PipelineError, run_id: str) -> bool:
        """Note why a translation can't be made; False where that is of no interest any more."""
        values = {**ASKED_ANEW, "status": TranslationStatus.FAILED.value, "reason": str(error), "failed_at": _now()}
        return self._end(work, run_id, values)

    def put_back(self, work: NoteWork, error: PipelineError, run_id: str) -> bool:
        """Note why a translation can't be made for the time being; it is pending again."""
        failures = _column.failures + 1
        values = {"status": PENDING, "run_id": None, "reason": str(error), "failures": failures, "failed_at": _now()}
        return self._end(work, run_id, values)

    def let_go(self, run_id: str) -> None:
        """Give up what a run has in work, without blame: it was stopped."""
        self._release([run_id], died=0)

    def ask_again(self, note_ids: Sequence[str]) -> None:
        """Have made anew what was ever asked for of these notes, but for what is in work."""
        for ids in in_chunks(note_ids):
            with writing(self._engine) as connection:
                numbers = _lock(connection, notes.c.note_id.in_(ids))
                text_version = sa.select(notes.c.text_version).where(notes.c.number == _column.note_number)
                values = {**ASKED_ANEW, "text_version": text_version.scalar_subquery(), "asked_at": _now()}
                of_these = _column.note_number.in_(numbers) & (_column.status != RUNNING)
                connection.execute(sa.update(note_translations).where(of_these).values(values))
                raise_revision(connection, numbers)

    def pending(self, note_ids: Sequence[str]) -> list[str]:
        """Give those of the notes that have something pending."""
        found: list[str] = []
        with reading(self._engine) as connection:
            for ids in in_chunks(note_ids):
                query = sa.select(notes.c.note_id).select_from(_joined).distinct()
                here = notes.c.note_id.in_(ids) & (_column.status == PENDING)
                found += connection.execute(query.where(here)).scalars()
        return found

    def waiting(self, asked_before: dt.datetime, limit: int) -> list[str]:
        """Give notes with translations that are pending and due, at most `limit`, those asked for first before others.

        Due is what was asked for before a moment, and what failed so long ago that it is time to try again.
        """
        now = _now()
        query = (
            sa.select(notes.c.note_id, _column.failed_at, _column.failures)
            .select_from(_joined)
            .where(_column.status == PENDING, _column.asked_at < asked_before)
            .order_by(_column.asked_at, notes.c.number)
        )
        with reading(self._engine) as connection:
            due = (
                row.note_id
                for row in connection.execute(query)
                if row.failed_at is None or next_try(row.failed_at, row.failures) <= now
            )
            return list(dict.fromkeys(due))[:limit]

    def at_work(self) -> dict[str, dt.datetime]:
        """Give the runs that have something in work, each with the moment when the last of it was asked for."""
        query = sa.select(_column.run_id, sa.func.max(_column.asked_at)).where(_column.status == RUNNING)
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(_column.run_id))}

    def release(self, run_ids: Sequence[str]) -> None:
        """Release what dead runs have in work."""
        self._release(run_ids, died=1)

    def _release(self, run_ids: Sequence[str], *, died: int) -> None:
        if not run_ids:
            return
        deaths = _column.deaths + died
        values = {
            "status": sa.case((deaths < MAX_DEATHS, PENDING), else_=TranslationStatus.FAILED.value),
            "reason": sa.case((deaths < MAX_DEATHS, _column.reason), else_=str(_crashed())),
            "deaths": deaths,
            "run_id": None,
        }
        with writing(self._engine) as connection:
            of_these = (_column.status == RUNNING) & _column.run_id.in_(run_ids)
            theirs = sa.select(_column.note_number).where(of_these)
            numbers = _lock(connection, notes.c.number.in_(theirs))
            connection.execute(sa.update(note_translations).where(of_these).values(values))
            raise_revision(connection, numbers)

    def _end(self, work: NoteWork, run_id: str, values: Mapping[str, object]) -> bool:
        with writing(self._engine) as connection:
            numbers = _lock(connection, notes.c.note_id == work.note_id)
            still_its = (
                _column.note_number.in_(numbers)
                & (_column.language == work.target)
                & (_column.status == RUNNING)
                & (_column.run_id == run_id)
                & (_column.text_version == work.text_version)
            )
            ended = connection.execute(sa.update(note_translations).where(still_its).values(values)).rowcount
            if ended:
                raise_revision(connection, numbers)
        return bool(ended)


def _claim(connection: Connection, which: "sa.ColumnElement[bool]", run_id: str) -> list[NoteWork]:
    pending = which & (_column.status == PENDING)
    numbers = _lock(connection, notes.c.number.in_(sa.select(notes.c.number).select_from(_joined).where(pending)))
    here = notes.c.number.in_(numbers) & pending & (_column.text_version == notes.c.text_version)
    rows = connection.execute(sa.select(*_WORK).select_from(_joined).where(here).order_by(notes.c.number)).all()
    claimed = [NoteWork(*row) for row in rows]
    for language in {work.target for work in claimed}:
        ids = [work.note_id for work in claimed if work.target == language]
        theirs = sa.select(notes.c.number).where(notes.c.note_id.in_(ids))
        of_these = _column.note_number.in_(theirs) & (_column.language == language)
        connection.execute(sa.update(note_translations).where(of_these).values(status=RUNNING, run_id=run_id))
    if claimed:
        raise_revision(connection, numbers)
    return claimed


def _lock(connection: Connection, which: "sa.ColumnElement[bool]") -> list[int]:
    """Give the numbers of notes that no other writer has until the end, in one order for all."""
    query = sa.select(notes.c.number).where(which).order_by(notes.c.number).with_for_update()
    return list(connection.execute(query).scalars())


def _crashed() -> EngineCrashed:
    return EngineCrashed(
        "the translation",
        expected="to come to an end",
        found=f"that the process in which it was made died, {MAX_DEATHS} times",
        remedy="Change the text, or ask for it again.",
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
