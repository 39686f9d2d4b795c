"""Translations of notes as runs take them on: one run each, given back when it dies, tried again when it is time."""

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import EngineFailed
from asr_pipeline.domain.note import MAX_DEATHS, NoteDraft, TranslationStatus
from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.note_work import SqlNoteWork
from asr_pipeline.storage.notes import SqlNotes
from asr_pipeline.storage.tables import note_translations

pytestmark = pytest.mark.database

VERSION = EngineVersion("engine", "model", "1")
FAULT = EngineFailed("the engine", expected="a result", found="none", remedy="It is tried again.")
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=300)


@pytest.fixture
def notes(database: sa.Engine) -> SqlNotes:
    return SqlNotes(database)


@pytest.fixture
def work(database: sa.Engine) -> SqlNoteWork:
    return SqlNoteWork(database)


def asked(notes: SqlNotes, *languages: str) -> str:
    note_id = notes.create(NoteDraft("t", "Hello.")).note_id
    for language in languages:
        notes.ask(note_id, language)
    return note_id


def statuses(notes: SqlNotes, note_id: str) -> dict[str, str]:
    return {one.language: one.status.value for one in notes.get(note_id).translations}


def test_runs_at_once_share_the_work_and_none_is_done_twice(notes: SqlNotes, work: SqlNoteWork) -> None:
    ids = [asked(notes, "fa", "de") for _ in range(40)]
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda run: work.claim(ids, run), ["a", "b", "c", "d"]))
    all_of_them = [(one.note_id, one.target) for works in claimed for one in works]
    assert sorted(all_of_them) == sorted((note_id, language) for note_id in ids for language in ("de", "fa"))
    assert work.claim(ids, "e") == []
    assert work.pending(ids) == []


def test_only_the_run_that_has_it_can_end_it(notes: SqlNotes, work: SqlNoteWork) -> None:
    note_id = asked(notes, "fa")
    (one,) = work.claim([note_id], "mine")
    assert not work.save(one, "x", VERSION, "another's")
    assert not work.fail(one, FAULT, "another's")
    assert work.save(one, "سلام", VERSION, "mine")
    assert not work.save(one, "again", VERSION, "mine")
    assert notes.get(note_id).translations[0].text == "سلام"


def test_what_failed_for_a_time_waits_ever_longer(notes: SqlNotes, work: SqlNoteWork, database: sa.Engine) -> None:
    note_id = asked(notes, "fa")
    assert work.waiting(LATER, 10) == [note_id]
    assert work.waiting(LATER - dt.timedelta(days=600), 10) == []  # asked for after that
    (one,) = work.claim([note_id], "run")
    assert work.waiting(LATER, 10) == []
    assert work.put_back(one, FAULT, "run")
    (shown,) = notes.get(note_id).translations
    assert (shown.status, shown.reason) == (TranslationStatus.PENDING, str(FAULT))
    assert work.waiting(LATER, 10) == []  # it failed a moment ago
    assert work.pending([note_id]) == [note_id]
    with writing(database) as connection:
        connection.execute(sa.update(note_translations).values(failed_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))
    assert work.waiting(LATER, 10) == [note_id]
    (one,) = work.claim([note_id], "run 2")
    assert work.save(one, "سلام", VERSION, "run 2")
    assert notes.get(note_id).translations[0].reason is None


def test_what_was_asked_for_first_comes_first_and_in_bounds(notes: SqlNotes, work: SqlNoteWork) -> None:
    ids = [asked(notes, "fa", "de") for _ in range(5)]
    assert work.waiting(LATER, 3) == ids[:3]


def test_a_dead_runs_work_is_released_and_a_living_ones_stays(notes: SqlNotes, work: SqlNoteWork) -> None:
    first, second = asked(notes, "fa"), asked(notes, "fa")
    (orphan,) = work.claim([first], "dead")
    work.claim([second], "alive")
    assert set(work.at_work()) == {"dead", "alive"}
    work.release(["dead"])
    assert (statuses(notes, first), statuses(notes, second)) == ({"fa": "pending"}, {"fa": "running"})
    assert not work.save(orphan, "x", VERSION, "dead")  # should it live after all
    assert work.claim([first, second], "next") == []  # a process died in it: alone
    suspect = work.claim_suspect([first, second], "next")
    assert suspect is not None
    assert (suspect.note_id, suspect.target) == (first, "fa")
    assert work.claim_suspect([first, second], "next") is None
    assert set(work.at_work()) == {"alive", "next"}


def test_what_kills_again_and_again_fails_and_takes_no_neighbour_with_it(notes: SqlNotes, work: SqlNoteWork) -> None:
    killer, other = asked(notes, "fa"), asked(notes, "fa")
    both = [killer, other]
    assert len(work.claim(both, "run 1")) == 2
    work.release(["run 1"])
    alone = work.claim_suspect(both, "run 2")
    assert alone is not None
    assert alone.note_id == killer
    work.release(["run 2"])
    alone = work.claim_suspect(both, "run 3")
    assert alone is not None
    assert alone.note_id == other  # the less suspect first
    assert work.save(alone, "سلام", VERSION, "run 3")
    assert work.claim_suspect(both, "run 3") is not None
    work.release(["run 3"])
    (shown,) = notes.get(killer).translations
    assert shown.status is TranslationStatus.FAILED
    assert f"died, {MAX_DEATHS} times" in str(shown.reason)
    assert statuses(notes, other) == {"fa": "done"}
    notes.ask(killer, "fa")
    assert [one.note_id for one in work.claim([killer], "anew")] == [killer]


def test_a_run_that_was_stopped_bears_no_blame(notes: SqlNotes, work: SqlNoteWork) -> None:
    note_id = asked(notes, "fa")
    work.claim([note_id], "stopped")
    work.let_go("stopped")
    assert [one.note_id for one in work.claim([note_id], "next")] == [note_id]


def test_all_that_was_ever_asked_for_can_be_made_anew(notes: SqlNotes, work: SqlNoteWork) -> None:
    note_id, untouched = asked(notes, "fa", "de"), asked(notes, "fa")
    for one in work.claim([note_id], "run"):
        work.save(one, "x", VERSION, "run")
    notes.edit(note_id, {"original_text": "Good bye."})
    notes.ask(note_id, "ar")
    work.claim([note_id], "another")
    work.ask_again([note_id])
    assert statuses(notes, note_id) == {"ar": "running", "de": "pending", "fa": "pending"}
    assert {one.text for one in work.claim([note_id], "run 2")} == {"Good bye."}
    assert statuses(notes, untouched) == {"fa": "pending"}
