"""What waits and what has failed is counted by stage, on SQLite and PostgreSQL."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import EngineFailed, TransientFailure
from asr_pipeline.domain.note import NoteDraft, TranslationStatus
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.backlog_figures import Waiting, backlog_figures
from asr_pipeline.storage.notes import SqlNotes
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.tables import recordings
from asr_pipeline_tests.storage.samples import RUN, recording, results, save

pytestmark = pytest.mark.database
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def test_where_nothing_is_every_label_is_there(database: sa.Engine) -> None:
    found = backlog_figures(database)
    assert found.by_state == dict.fromkeys(RecordingState, 0)
    assert found.by_stage == dict.fromkeys(Stage, Waiting())
    assert found.notes == dict.fromkeys(TranslationStatus, Waiting())
    assert found.failures == {}


def test_what_waits_is_counted_at_the_stage_that_is_next(database: sa.Engine) -> None:
    store = SqlRecordStore(database)
    new, newer, heard, anew, done = (recording(f"{name}.wav") for name in ("new", "newer", "heard", "anew", "done"))
    store.register([new, newer, heard, anew, done])
    stages = list(Stage)
    for one, upto in ((heard, 3), (anew, 5), (done, 5)):
        for stage in stages[:upto]:
            save(store, stage, one.recording_id, results(one.recording_id))
    save(store, Stage.SEGMENTS, anew.recording_id, results(anew.recording_id))  # what was made from it is outdated
    with database.begin() as connection:
        first = recordings.c.recording_id == new.recording_id
        connection.execute(sa.update(recordings).where(first).values(registered_at=LONG_AGO))

    found = backlog_figures(database)
    assert {stage: waiting.count for stage, waiting in found.by_stage.items()} == {
        Stage.RAW_AUDIO: 2,
        Stage.SEGMENTS: 0,
        Stage.TRANSCRIPTS: 1,
        Stage.TRANSLATIONS: 1,
        Stage.SUBTITLES: 0,
    }
    assert found.by_stage[Stage.RAW_AUDIO].since == LONG_AGO
    since = found.by_stage[Stage.TRANSLATIONS].since
    assert since is not None
    assert since > LONG_AGO
    assert (found.by_state[RecordingState.IN_PROGRESS], found.by_state[RecordingState.DONE]) == (4, 1)


def test_failures_are_counted_by_stage_and_kind(database: sa.Engine) -> None:
    store = SqlRecordStore(database)
    one, two, three = (recording(f"{name}.wav") for name in ("one", "two", "three"))
    store.register([one, two, three])
    for failed, kind in ((one, EngineFailed), (two, EngineFailed), (three, TransientFailure)):
        error = kind("it", expected="this", found="that", remedy="None.")
        store.save_failure(failed.recording_id, Stage.TRANSCRIPTS, error, RUN)
    found = backlog_figures(database)
    assert found.failures == {("transcripts", "EngineFailed"): 2, ("transcripts", "TransientFailure"): 1}
    assert sum(waiting.count for waiting in found.by_stage.values()) == 0


def test_notes_are_counted_by_status(database: sa.Engine) -> None:
    notes = SqlNotes(database)
    note = notes.create(NoteDraft("t", "Hello."))
    notes.ask(note.note_id, "fa")
    notes.ask(note.note_id, "de")
    pending = backlog_figures(database).notes[TranslationStatus.PENDING]
    assert pending.count == 2
    assert pending.since is not None
    assert pending.since >= note.created_at
