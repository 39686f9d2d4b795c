"""Figures over everything, on SQLite and PostgreSQL."""

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.note import NoteDraft
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage.note_work import SqlNoteWork
from asr_pipeline.storage.notes import SqlNotes
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.stats import Stats, make_stats
from asr_pipeline_tests.storage.samples import recording, results, save

pytestmark = pytest.mark.database

NO_NOTES = {"untranslated": 0, "pending": 0, "running": 0, "done": 0, "failed": 0, "outdated": 0}
NO_TRANSLATIONS = {status: 0 for status in NO_NOTES if status != "untranslated"}
NO_RECORDINGS = {"in_progress": 0, "done": 0, "failed": 0, "quarantined": 0, "dropped": 0}


def test_nothing_is_counted_where_nothing_is(database: sa.Engine) -> None:
    assert make_stats(database) == Stats({}, NO_NOTES, {}, NO_RECORDINGS, 0.0, 0, None)


def test_it_counts_what_is_there(database: sa.Engine) -> None:
    notes, work, store = SqlNotes(database), SqlNoteWork(database), SqlRecordStore(database)
    english = [notes.create(NoteDraft("t", "Hello.")).note_id for _ in range(4)]
    notes.create(NoteDraft("t", "سلام", "fa"))
    for note_id in english[:3]:
        notes.ask(note_id, "fa")
    for claimed in work.claim(english[:2], "run"):
        work.save(claimed, "سلام", EngineVersion("e", "m", "1"), "run")
    notes.ask(english[0], "de")
    notes.edit(english[1], {"original_text": "Bye."})
    one, two = recording("one.wav"), recording("two.wav")
    store.register([one, two, recording("waits.wav")])
    for stage in Stage:
        save(store, stage, one.recording_id, results(one.recording_id, utterances=3, words=4))
    save(store, Stage.TRANSCRIPTS, two.recording_id, results(two.recording_id, utterances=0))

    stats = make_stats(database)
    assert stats.notes_by_language == {"en": 4, "fa": 1}
    assert stats.notes_by_status == {**NO_NOTES, "untranslated": 2, "pending": 2, "done": 1, "outdated": 1}
    assert stats.translations == {
        "de": {**NO_TRANSLATIONS, "pending": 1},
        "fa": {**NO_TRANSLATIONS, "done": 1, "outdated": 1, "pending": 1},
    }
    assert stats.recordings_by_state == {**NO_RECORDINGS, "done": 1, "in_progress": 2}
    assert (stats.audio_s, stats.words) == (12.0, 12)
    assert stats.mean_confidence == pytest.approx(0.875)
