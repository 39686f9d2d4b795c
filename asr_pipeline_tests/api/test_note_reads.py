"""What is kept of notes: the last read, within bounds, and never an older revision."""

import pytest
import sqlalchemy as sa

from asr_pipeline.api.note_reads import NoteReads
from asr_pipeline.domain.note import Note, NoteDraft
from asr_pipeline.storage.notes import SqlNotes

pytestmark = pytest.mark.database


class Rendering:
    """Renders a note as its title, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, note: Note) -> bytes:
        self.count += 1
        return note.draft.title.encode()


class Telling:
    """Hears which reads were answered from what is kept."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def __call__(self, *, was_kept: bool) -> None:
        self.told.append(was_kept)


def test_a_note_is_rendered_once_a_revision(database: sa.Engine) -> None:
    notes, render, telling = SqlNotes(database), Rendering(), Telling()
    reads = NoteReads(notes, render, telling)
    note_id = notes.create(NoteDraft("a", "text")).note_id
    assert [reads.read(note_id) for _ in range(3)] == [(1, b"a")] * 3
    assert telling.told == [False, True, True]
    assert render.count == 1
    notes.edit(note_id, {"title": "b"})
    assert [reads.read(note_id) for _ in range(3)] == [(2, b"b")] * 3
    notes.ask(note_id, "fa")
    assert reads.read(note_id) == (3, b"b")
    assert render.count == 3
    notes.delete(note_id)
    with pytest.raises(KeyError, match=note_id):
        reads.read(note_id)


def test_what_was_not_read_for_longest_goes_first(database: sa.Engine) -> None:
    notes, render = SqlNotes(database), Rendering()
    reads = NoteReads(notes, render, Telling(), kept_bytes=20)
    first, second, third = (notes.create(NoteDraft(letter * 8, "text")).note_id for letter in "abc")
    for note_id in (first, second, first, third):
        reads.read(note_id)
    assert render.count == 3
    reads.read(first)
    assert render.count == 3
    reads.read(second)
    assert render.count == 4
