"""The report's figures, on SQLite and PostgreSQL."""

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.references import SqlReferences
from asr_pipeline.storage.report import Day, make_report
from asr_pipeline_tests.storage.samples import RUN, recording, results, save

pytestmark = pytest.mark.database


def test_it_counts_what_is_there(database: sa.Engine, tmp_path: Path) -> None:
    store, layout = SqlRecordStore(database), Layout(tmp_path)
    layout.ensure()
    (layout.originals / "one.wav").write_bytes(bytes(1000))
    one, two, bad, waiting = (recording(f"{name}.wav") for name in ("one", "two", "bad", "waiting"))
    store.register([one, two, bad, waiting])
    for stage in Stage:
        save(store, stage, one.recording_id, results(one.recording_id, utterances=3, words=4))
        save(store, stage, two.recording_id, results(two.recording_id, utterances=1, words=2))
    noise = UnreadableAudio("bad.wav", expected="audio", found="noise", remedy="Copy it again.")
    store.save_failure(bad.recording_id, Stage.RAW_AUDIO, noise, RUN)

    now = dt.datetime.now(dt.UTC)
    report = make_report(database, layout, now + dt.timedelta(seconds=60))
    assert report.states[RecordingState.DONE] == 2
    assert report.states[RecordingState.QUARANTINED] == 1
    assert report.states[RecordingState.DROPPED] == 0
    assert report.audio_s == 16.0
    assert 60 <= report.oldest_waiting_s < 660
    assert report.failures == {"UnreadableAudio": 1}
    assert report.days == (Day(now.date(), 2, 16.0, 14, 0.875, 0, None),)
    assert report.disk_bytes["originals"] == 1000
    assert report.free_bytes > 0


def test_an_empty_house_has_a_report(database: sa.Engine, tmp_path: Path) -> None:
    report = make_report(database, Layout(tmp_path), dt.datetime.now(dt.UTC))
    assert set(report.states.values()) == {0}
    assert report.days == ()
    assert report.oldest_waiting_s == 0.0


def test_word_errors_are_those_of_recordings_with_a_reference(database: sa.Engine, tmp_path: Path) -> None:
    store, texts = SqlRecordStore(database), SqlReferences(database)
    one, two, without, waiting = (recording(f"{name}.wav") for name in ("one", "two", "without", "waiting"))
    store.register([one, two, without, waiting])
    for each in (one, two, without):
        save(store, Stage.TRANSCRIPTS, each.recording_id, results(each.recording_id, utterances=1, words=4))
    texts.put(one.recording_id, "word0 word1 word2 word3")
    texts.put(two.recording_id, "word0")
    texts.put(waiting.recording_id, "any words")
    now = dt.datetime.now(dt.UTC)
    (day,) = make_report(database, Layout(tmp_path), now).days
    assert (day.recordings, day.reference_words, day.word_error_rate) == (3, 5, 0.6)
    assert make_report(database, Layout(tmp_path), now + dt.timedelta(days=31)).days == ()
