"""What was recognised of long recordings so far, on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.ports import SpanStore
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.spans import SqlSpanStore, as_json, from_json
from asr_pipeline.storage.tables import span_results
from asr_pipeline_tests.storage.samples import RUN, TEXTS, recording, results

FLOATS = st.floats(allow_nan=False)
UTTERANCES = st.lists(
    st.builds(
        Utterance,
        st.integers(0, 10**6),
        st.integers(0, 8),
        st.lists(st.builds(Word, TEXTS, FLOATS, FLOATS, FLOATS), max_size=4).map(tuple),
    ),
    max_size=4,
)
HEARD = [Utterance(0, 0, (Word("it's", 0.1 + 0.2, 1 / 3, 0.875),)), Utterance(0, 1, (Word("نه", 2.0, 2.5, 1.0),))]


@given(UTTERANCES)
def test_every_number_and_text_comes_back_as_it_was(utterances: list[Utterance]) -> None:
    assert repr(from_json(as_json(utterances))) == repr(utterances)


@pytest.mark.database
class TestStore:
    @pytest.fixture
    def spans(self, database: sa.Engine) -> SqlSpanStore:
        return SqlSpanStore(database)

    @pytest.fixture
    def call(self, database: sa.Engine) -> str:
        one = recording("call.wav")
        SqlRecordStore(database).register([one])
        return one.recording_id

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10)
    @given(UTTERANCES)
    def test_what_was_kept_is_recalled(self, spans: SqlSpanStore, call: str, utterances: list[Utterance]) -> None:
        spans.keep(call, 7, utterances, "this")
        assert repr(spans.recall(call, "this")) == repr({7: utterances})

    def test_what_was_made_otherwise_is_not_recalled(self, spans: SqlSpanStore, call: str) -> None:
        as_port: SpanStore = spans
        as_port.keep(call, 0, HEARD, "that")
        as_port.keep(call, 1, HEARD, "this")
        as_port.keep(call, 1, [], "this")
        assert as_port.recall(call, "this") == {1: []}
        assert as_port.recall("nobody", "this") == {}
        with pytest.raises(KeyError):
            as_port.keep("nobody", 0, HEARD, "this")

    def test_it_is_forgotten_when_asked(self, spans: SqlSpanStore, call: str) -> None:
        spans.keep(call, 0, HEARD, "this")
        spans.forget(call)
        spans.forget("nobody")
        assert spans.recall(call, "this") == {}

    def test_it_goes_in_the_transaction_that_commits_the_transcript(
        self, spans: SqlSpanStore, call: str, database: sa.Engine
    ) -> None:
        other = recording("other.wav")
        store = SqlRecordStore(database)
        store.register([other])
        for one in (call, other.recording_id):
            spans.keep(one, 0, HEARD, "this")
        with pytest.raises(sa.exc.IntegrityError):
            store.save_transcript(_impossible(call), RUN)
        assert spans.recall(call, "this")
        store.save_transcript(results(call).transcript, RUN)
        with database.connect() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(span_results)).scalar() == 1
        assert spans.recall(other.recording_id, "this") == {0: HEARD}


def _impossible(recording_id: str) -> Transcript:
    """Give a transcript two of whose utterances have the same index."""
    transcript = results(recording_id).transcript
    return replace(transcript, utterances=(transcript.utterances[0], transcript.utterances[0]))
