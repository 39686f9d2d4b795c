"""Reference texts, on SQLite and PostgreSQL."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import LimitExceeded, PermanentFailure
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.word_errors import WordErrors
from asr_pipeline.storage import references
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.erasing import erase_rows
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.references import SqlReferences
from asr_pipeline.storage.tables import recordings, reference_texts
from asr_pipeline_tests.storage.samples import recording, results, save

pytestmark = pytest.mark.database


def test_a_reference_is_held_against_the_transcript_of_today(database: sa.Engine) -> None:
    store, texts = SqlRecordStore(database), SqlReferences(database)
    one, other = recording("one.wav"), recording("caf\udce9.wav")
    store.register([other, one])
    assert texts.measured() == []
    texts.put(one.recording_id, "Word0, other.\x00")
    (found,) = texts.measured()
    assert (found.recording_id, found.name, found.words, found.recognised_at, found.errors) == (
        one.recording_id,
        "one.wav",
        2,
        None,
        None,
    )
    save(store, Stage.TRANSCRIPTS, one.recording_id, results(one.recording_id, utterances=1, words=3))
    (found,) = texts.measured()
    assert found.errors == WordErrors(2, substitutions=1, insertions=1)
    assert found.recognised_at is not None
    save(store, Stage.TRANSCRIPTS, one.recording_id, results(one.recording_id, utterances=2, words=1))
    texts.put(one.recording_id, "word0 word0")
    texts.put(other.recording_id, "words")
    assert [each.recording_id for each in texts.measured()] == [other.recording_id, one.recording_id]
    found_one = texts.measured_one(one.recording_id)
    assert found_one is not None
    assert found_one.errors == WordErrors(2)
    assert abs(found_one.noted_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=10)


def test_it_is_forgotten_by_a_person_and_with_its_recording(database: sa.Engine) -> None:
    store, texts = SqlRecordStore(database), SqlReferences(database)
    one, two = recording("one.wav"), recording("two.wav")
    store.register([one, two])
    for each in (one, two):
        texts.put(each.recording_id, "words")
    assert texts.remove(one.recording_id)
    assert not texts.remove(one.recording_id)
    assert not texts.remove("nobody-000000000000")
    assert texts.measured_one(one.recording_id) is None
    save(store, Stage.TRANSCRIPTS, two.recording_id, results(two.recording_id, utterances=1))
    erase_rows(database, two.recording_id)
    assert texts.measured() == []
    texts.put(two.recording_id, "words")
    (found,) = texts.measured()
    assert (found.recognised_at, found.errors) == (None, None)
    with writing(database) as connection:
        connection.execute(sa.delete(recordings).where(recordings.c.recording_id == two.recording_id))
        assert connection.execute(sa.select(sa.func.count()).select_from(reference_texts)).scalar() == 0


def test_what_can_not_be_a_reference_is_refused(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    store, texts = SqlRecordStore(database), SqlReferences(database)
    one = recording("one.wav")
    store.register([one])
    with pytest.raises(PermanentFailure, match="found none"):
        texts.put(one.recording_id, " …\n")
    monkeypatch.setattr(references, "MOST_WORDS", 2)
    with pytest.raises(LimitExceeded, match="at most 2 words, found 3"):
        texts.put(one.recording_id, "a b c")
    with pytest.raises(KeyError):
        texts.put("nobody-000000000000", "a b")
    assert texts.measured() == []
