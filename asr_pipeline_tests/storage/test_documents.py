"""A recording's transcript as JSON and text."""

import json

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.documents import transcript_json, transcript_text
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline_tests.storage.samples import recording, results, save

pytestmark = pytest.mark.database


@pytest.fixture
def store(database: sa.Engine) -> SqlRecordStore:
    store = SqlRecordStore(database)
    one = recording("caf\udce9.wav", content=b"one")
    store.register([one, recording("new.wav", content=b"new")])
    for stage in Stage:
        save(store, stage, one.recording_id, results(one.recording_id, utterances=2, words=3))
    return store


@pytest.fixture
def call(store: SqlRecordStore) -> str:
    return store.rows()[0].recording.recording_id


def test_json_has_words_and_translations(store: SqlRecordStore, call: str) -> None:
    text = json.dumps(transcript_json(store, call), ensure_ascii=False, allow_nan=False)
    document = json.loads(text.encode("utf-8"))
    assert document["name"] == r"caf\xe9.wav"
    assert document["duration_s"] == 8.0
    assert document["recognised_by"] == {"engine": "vosk", "model": "starter", "version": "1", "chunk_bytes": 8_000}
    assert document["translated_by"] == {"fa": {"engine": "argos", "model": "en_fa", "version": "1.5"}}
    assert (document["word_count"], document["mean_confidence"]) == (6, 0.875)
    last = document["utterances"][1]
    assert last["text"] == "word0 word1 word2"
    assert last["translations"] == {"fa": "متن 1 است."}
    assert last["words"][0] == {"text": "word0", "start_s": 4.0, "end_s": 4.25, "confidence": 0.875}
    assert "متن" in text


def test_text_has_an_utterance_a_line(store: SqlRecordStore, call: str) -> None:
    assert transcript_text(store, call) == "Word0 word1 word2.\nWord0 word1 word2.\n"
    assert transcript_text(store, call, "fa") == "متن 0 است.\nمتن 1 است.\n"


def test_what_is_not_there_yet_is_told(store: SqlRecordStore, call: str) -> None:
    new = store.rows()[1].recording.recording_id
    with pytest.raises(TransientFailure, match="a transcript"):
        transcript_json(store, new)
    with pytest.raises(TransientFailure, match="a transcript"):
        transcript_text(store, new)
    with pytest.raises(TransientFailure, match="into de"):
        transcript_text(store, call, "de")
    with pytest.raises(KeyError, match="nothing"):
        transcript_json(store, "nothing")
