"""Notes in SQLite and PostgreSQL: what people do with them, and what two do at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import NoteChanged, NoteInvalid
from asr_pipeline.domain.note import NoteDraft, NoteTranslation, TranslationStatus
from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage.note_work import SqlNoteWork
from asr_pipeline.storage.notes import NoteFilter, SqlNotes
from asr_pipeline.storage.tables import note_translations

pytestmark = pytest.mark.database

VERSION = EngineVersion("engine", "model", "1")
ROUNDS = 25


@pytest.fixture
def notes(database: sa.Engine) -> SqlNotes:
    return SqlNotes(database)


@pytest.fixture
def work(database: sa.Engine) -> SqlNoteWork:
    return SqlNoteWork(database)


def translated(notes: SqlNotes, work: SqlNoteWork, note_id: str, text: str, language: str = "fa") -> None:
    notes.ask(note_id, language)
    for one in work.claim([note_id], "run"):
        assert work.save(one, text, VERSION, "run")


def at_once(*doings: Callable[[], object]) -> list[object]:
    """Do things in threads that start together; a KeyError or so comes out of it."""
    barrier = threading.Barrier(len(doings))

    def do(one: Callable[[], object]) -> object:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(doings)) as pool:
        return [future.result() for future in [pool.submit(do, one) for one in doings]]


def test_a_note_is_kept_as_it_was_written(notes: SqlNotes) -> None:
    draft = NoteDraft("A title", "back\\slash and % and\n\nیک سطر 🙂", "en")
    made = notes.create(draft)
    assert notes.get(made.note_id) == made
    assert (made.draft, made.version, made.translations) == (draft, 1, ())
    assert len({notes.create(draft).note_id for _ in range(50)}) == 50


def test_what_is_not_there_is_a_key_error(notes: SqlNotes) -> None:
    for do in (notes.get, notes.revision, notes.delete, lambda i: notes.ask(i, "fa"), lambda i: notes.edit(i, {})):
        with pytest.raises(KeyError, match="0123"):
            do("0123")


def test_an_edit_raises_the_version_and_only_another_text_outdates(notes: SqlNotes, work: SqlNoteWork) -> None:
    note_id = notes.create(NoteDraft("t", "Hello.")).note_id
    translated(notes, work, note_id, "سلام")
    renamed = notes.edit(note_id, {"title": "u"})
    assert (renamed.version, renamed.draft.title) == (2, "u")
    assert renamed.translations == (NoteTranslation("fa", TranslationStatus.DONE, "سلام", None, "model"),)
    same = notes.edit(note_id, {"title": "u", "original_text": "Hello."})
    assert same == renamed
    edited = notes.edit(note_id, {"original_text": "Good bye."}, version=2)
    assert edited.version == 3
    assert [(one.status, one.text) for one in edited.translations] == [(TranslationStatus.OUTDATED, None)]
    assert notes.ask(note_id, "fa").status is TranslationStatus.PENDING
    (one,) = work.claim([note_id], "run")
    assert (one.text, one.text_version) == ("Good bye.", 3)
    other_language = notes.edit(note_id, {"original_language": "de"})
    assert other_language.translations[0].status is TranslationStatus.OUTDATED
    assert not work.save(one, "خداحافظ", VERSION, "run")


def test_an_edit_of_another_version_is_refused(notes: SqlNotes) -> None:
    note_id = notes.create(NoteDraft("t", "Hello.")).note_id
    notes.edit(note_id, {"title": "u"})
    with pytest.raises(NoteChanged, match=r"expected version 1, .* found version 2"):
        notes.edit(note_id, {"title": "v"}, version=1)
    with pytest.raises(NoteInvalid, match="title"):
        notes.edit(note_id, {"title": " "})
    assert notes.get(note_id).draft.title == "u"


def test_of_two_edits_of_one_version_one_is_refused(notes: SqlNotes) -> None:
    def edit(title: str, version: int) -> str:
        try:
            return notes.edit(note_id, {"title": f"{title} {version}"}, version=version).draft.title
        except NoteChanged:
            return "refused"

    note_id = notes.create(NoteDraft("t", "Hello.")).note_id
    for version in range(1, ROUNDS + 1):
        ended = at_once(partial(edit, "one's", version), partial(edit, "another's", version))
        assert sorted(one == "refused" for one in ended) == [False, True]
        assert notes.get(note_id).draft.title in ended
    assert notes.get(note_id).version == ROUNDS + 1


def test_asking_twice_is_asking_once_and_what_failed_is_asked_for_anew(notes: SqlNotes, work: SqlNoteWork) -> None:
    note_id = notes.create(NoteDraft("t", "Hello.")).note_id
    assert notes.ask(note_id, "fa") == NoteTranslation("fa", TranslationStatus.PENDING)
    before = notes.revision(note_id)
    assert notes.ask(note_id, "fa").status is TranslationStatus.PENDING
    (one,) = work.claim([note_id], "run")
    assert notes.ask(note_id, "fa").status is TranslationStatus.RUNNING
    assert work.fail(one, NoteInvalid("x", expected="a", found="b", remedy="c"), "run")
    assert notes.get(note_id).translations[0].reason == "x: expected a, found b. c"
    assert notes.ask(note_id, "fa") == NoteTranslation("fa", TranslationStatus.PENDING)
    assert notes.revision(note_id) > before
    translated(notes, work, note_id, "سلام")
    assert notes.ask(note_id, "fa").text == "سلام"
    notes.ask(note_id, "de")
    assert [one.language for one in notes.get(note_id).translations] == ["de", "fa"]


def test_a_deleted_note_is_gone_with_its_translations(notes: SqlNotes, work: SqlNoteWork, database: sa.Engine) -> None:
    note_id = notes.create(NoteDraft("t", "Hello.")).note_id
    notes.ask(note_id, "fa")
    (one,) = work.claim([note_id], "run")
    notes.delete(note_id)
    assert not work.save(one, "سلام", VERSION, "run")
    with database.connect() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(note_translations)).scalar() == 0


def test_pages_hold_every_note_once_newest_first(notes: SqlNotes) -> None:
    made = [notes.create(NoteDraft(f"note {number}", "text")).note_id for number in range(7)]
    seen: list[str] = []
    before = None
    while True:
        page = notes.page(NoteFilter(), limit=3, before=before)
        seen += [note.note_id for note in page.notes]
        if page.next_number is None:
            break
        before = page.next_number
        notes.create(NoteDraft("made meanwhile", "text"))  # on no later page
    assert seen == made[::-1]
    assert notes.page(NoteFilter(), limit=100).next_number is None


def test_notes_are_found_by_language_status_and_text(notes: SqlNotes, work: SqlNoteWork) -> None:
    english = notes.create(NoteDraft("Garden", "The 100% camera_1 and back\\slash")).note_id
    persian = notes.create(NoteDraft("باغ", "دوربین", "fa")).note_id
    translated(notes, work, english, "دوربین")

    def found(**wanted: object) -> list[str]:
        which = NoteFilter(**wanted)  # type: ignore[arg-type]
        page = notes.page(which, limit=10)
        assert notes.count(which) == len(page.notes)
        return [note.note_id for note in page.notes]

    assert found() == [persian, english]
    assert found(language="fa") == [persian]
    assert found(status=TranslationStatus.DONE) == [english]
    assert found(status=TranslationStatus.PENDING) == []
    for text in ("gARDEN", "100%", "camera_", "back\\slash", "THE"):
        assert found(text=text) == [english], text
    assert found(text="دورب") == [persian]
    assert found(text="_00%") == []
    assert found(text="100%c") == []
    assert found(text="nul \x00") == []
    assert found(language="en", text="garden", status=TranslationStatus.DONE) == [english]


def test_a_translation_of_the_text_of_before_is_never_shown_for_the_new_one(notes: SqlNotes, work: SqlNoteWork) -> None:
    """An edit, a request and a run's result come at the same moment, in whatever order the database takes them."""
    note_id = notes.create(NoteDraft("t", "text 0")).note_id
    for number in range(1, ROUNDS + 1):
        notes.ask(note_id, "fa")
        (one,) = work.claim([note_id], f"run {number}")
        assert one.text == f"text {number - 1}"
        at_once(
            partial(notes.edit, note_id, {"original_text": f"text {number}"}),
            partial(work.save, one, f"of {one.text}", VERSION, f"run {number}"),
            partial(notes.ask, note_id, "fa"),
        )
        note = notes.get(note_id)
        (translation,) = note.translations
        assert note.draft.original_text == f"text {number}"
        assert translation.text is None  # the edit came after it, or it was refused
        assert translation.status in {TranslationStatus.OUTDATED, TranslationStatus.PENDING}


def test_readers_see_text_and_translation_of_one_version(notes: SqlNotes, work: SqlNoteWork) -> None:
    """While one edits and translates, each read shows a translation of the very text that it shows."""
    note_id = notes.create(NoteDraft("t", "0")).note_id
    ended = threading.Event()
    shown: list[str] = []

    def read() -> None:
        last = 0
        while not ended.is_set():
            revision = notes.revision(note_id)
            note = notes.get(note_id)
            assert last <= revision <= note.revision
            last = note.revision
            for one in note.translations:
                if one.text is not None:
                    shown.append(one.text)
                    assert one.text == f"of {note.draft.original_text}"

    def write() -> None:
        try:
            for number in range(1, 2 * ROUNDS):
                notes.ask(note_id, "fa")
                for one in work.claim([note_id], "run"):
                    work.save(one, f"of {one.text}", VERSION, "run")
                notes.edit(note_id, {"original_text": str(number)})
        finally:
            ended.set()

    at_once(write, read, read)
    assert notes.get(note_id).draft.original_text == str(2 * ROUNDS - 1)
