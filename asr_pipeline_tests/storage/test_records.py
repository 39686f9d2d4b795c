"""The record of what was recognised and translated, on SQLite and PostgreSQL."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import EngineFailed, PermanentFailure, PipelineError, UnreadableAudio
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.ports import RecordStore, RunContext
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.tables import metadata, recordings
from asr_pipeline_tests.storage.samples import RUN, TEXTS, any_results, read, recording, results, save

pytestmark = pytest.mark.database
SHARED_DATABASE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)


@pytest.fixture
def store(database: sa.Engine) -> SqlRecordStore:
    return SqlRecordStore(database)


@pytest.fixture
def call(store: SqlRecordStore) -> Recording:
    one = recording("call.wav")
    store.register([one])
    return one


def _error(kind: type[PipelineError]) -> PipelineError:
    return kind("call.wav", expected="audio", found="noise", remedy="Record it again.")


def _state(store: RecordStore, recording_id: str) -> RecordingState:
    return store.rows([recording_id])[0].state


def test_it_is_a_record_store(store: SqlRecordStore) -> None:
    as_port: RecordStore = store
    assert as_port.rows() == []


def test_a_recording_is_found_by_id_and_by_bytes(store: SqlRecordStore, call: Recording) -> None:
    assert store.recording(call.recording_id) == call
    assert store.find_by_sha256(call.sha256) == call
    assert store.find_by_sha256("0" * 64) is None
    with pytest.raises(KeyError, match="nothing"):
        store.recording("nothing")


@SHARED_DATABASE
@given(name=TEXTS, source=TEXTS)
def test_any_name_comes_back(store: SqlRecordStore, name: str, source: str) -> None:
    plain = recording(name)
    given_one = Recording(plain.recording_id, plain.sha256, plain.size_bytes, name, source)
    store.register([given_one])
    kept = store.find_by_sha256(given_one.sha256)
    assert kept is not None
    assert kept.name == name


def test_what_is_registered_stays_as_it_is(store: SqlRecordStore, call: Recording) -> None:
    moved = Recording(call.recording_id, call.sha256, call.size_bytes, "other", "elsewhere")
    same_bytes = Recording("other-id", call.sha256, call.size_bytes, "other", "elsewhere")
    store.register([moved, same_bytes])
    assert [row.recording for row in store.rows()] == [call]


def test_an_id_that_others_bytes_have_is_refused(store: SqlRecordStore, call: Recording) -> None:
    clash = Recording(call.recording_id, "f" * 64, 1, "call.wav", "x")
    with pytest.raises(PermanentFailure, match="another name"):
        store.register([recording("fine.wav"), clash])
    assert [row.recording for row in store.rows()] == [call]


def test_rows_are_in_the_order_of_registration(store: SqlRecordStore) -> None:
    given_order = [recording(f"{name}.wav") for name in ("z", "a", "m")]
    store.register(given_order[:2])
    store.register(given_order)
    ids = [one.recording_id for one in given_order]
    assert [row.recording for row in store.rows()] == given_order
    assert [row.recording for row in store.rows(ids[::-1])] == given_order
    assert [row.recording for row in store.rows([ids[2], ids[2]])] == [given_order[2]]
    assert store.rows([]) == []
    assert store.rows(["nothing"]) == []


@SHARED_DATABASE
@given(data=st.data())
def test_results_come_back_as_they_were(store: SqlRecordStore, data: st.DataObject) -> None:
    one = recording("any.wav")
    store.register([one])
    found = data.draw(any_results(one.recording_id))
    for stage in Stage:
        save(store, stage, one.recording_id, found)
    assert read(store, one.recording_id) == found


def test_what_was_not_saved_is_not_there(store: SqlRecordStore, call: Recording) -> None:
    for recording_id in (call.recording_id, "nothing"):
        assert store.audio(recording_id) is None
        assert store.segments(recording_id) == []
        assert store.transcript(recording_id) is None
        assert store.translations(recording_id) == []
        assert store.subtitles(recording_id) == []


def test_a_save_replaces_what_was_there(store: SqlRecordStore, call: Recording) -> None:
    longer, shorter = results(call.recording_id), results(call.recording_id, utterances=2, words=1)
    for found in (longer, shorter):
        for stage in Stage:
            save(store, stage, call.recording_id, found)
    assert read(store, call.recording_id) == shorter


def test_a_silent_recording_has_an_empty_transcript(store: SqlRecordStore, call: Recording) -> None:
    store.save_transcript(Transcript(call.recording_id, "vosk", "m", "1", 8_000, ()), RUN)
    transcript = store.transcript(call.recording_id)
    assert transcript is not None
    assert transcript.mean_confidence is None


def test_translations_of_one_recording_at_a_time(store: SqlRecordStore, call: Recording) -> None:
    with pytest.raises(ValueError, match="one recording"):
        store.save_translations([], RUN)
    both = [*results(call.recording_id).translations, *results("other").translations]
    with pytest.raises(ValueError, match="other"):
        store.save_translations(both, RUN)


@pytest.mark.parametrize("stage", Stage)
def test_results_of_an_unknown_recording_are_refused(store: SqlRecordStore, stage: Stage) -> None:
    with pytest.raises(KeyError, match="nothing"):
        save(store, stage, "nothing", results("nothing"))
    with pytest.raises(KeyError, match="nothing"):
        store.save_failure("nothing", stage, _error(EngineFailed), RUN)


@settings(SHARED_DATABASE, max_examples=30)
@given(
    events=st.lists(
        st.tuples(st.sampled_from(Stage), st.sampled_from([None, UnreadableAudio, EngineFailed])), max_size=9
    )
)
def test_the_state_follows_from_what_happened(
    store: SqlRecordStore, database: sa.Engine, events: list[tuple[Stage, type[PipelineError] | None]]
) -> None:
    with writing(database) as connection:
        connection.execute(sa.delete(recordings))
    one = recording("states.wav")
    store.register([one])
    found = results(one.recording_id, utterances=1, words=1)
    done: set[Stage] = set()
    failure: tuple[Stage, type[PipelineError]] | None = None
    for stage, kind in events:
        if kind is None:
            save(store, stage, one.recording_id, found)
            done = done - with_downstream([stage]) | {stage}  # what is made from it was made from another result
            if failure and failure[0] is stage:
                failure = None
        else:
            store.save_failure(one.recording_id, stage, _error(kind), RUN)
            failure = (stage, kind)
    row = store.rows()[0]
    if failure:
        permanent = failure[1] is UnreadableAudio
        assert row.state is (RecordingState.QUARANTINED if permanent else RecordingState.FAILED)
        assert (row.failed_stage, row.reason) == (failure[0], str(_error(failure[1])))
    else:
        assert row.state is (RecordingState.DONE if done == set(Stage) else RecordingState.IN_PROGRESS)
        assert (row.failed_stage, row.reason) == (None, None)
    assert store.stages_done([one.recording_id]) == {one.recording_id: done}


def test_rows_tell_duration_words_and_confidence(store: SqlRecordStore, call: Recording) -> None:
    row = store.rows()[0]
    assert (row.duration_s, row.word_count, row.mean_confidence) == (None, None, None)
    found = results(call.recording_id)
    save(store, Stage.RAW_AUDIO, call.recording_id, found)
    save(store, Stage.TRANSCRIPTS, call.recording_id, found)
    row = store.rows()[0]
    assert (row.duration_s, row.word_count, row.mean_confidence) == (60.0, 150, 0.875)


def test_pages_are_newest_first_and_end(store: SqlRecordStore) -> None:
    ids = [recording(f"{number}.wav").recording_id for number in range(5)]
    store.register([recording(f"{number}.wav") for number in range(5)])
    save(store, Stage.RAW_AUDIO, ids[0], results(ids[0]))
    seen, before = [], None
    while True:
        rows, before = store.page(2, before=before)
        seen.append([row.recording.recording_id for row in rows])
        if before is None:
            break
    assert seen == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    assert rows[0].duration_s is not None
    assert store.page(5)[1] is None
    assert store.page(5, state=RecordingState.DONE) == ([], None)


def test_every_recording_is_counted_once(store: SqlRecordStore) -> None:
    assert store.count_by_state() == dict.fromkeys(RecordingState, 0)
    one, two, three = (recording(f"{n}.wav") for n in range(3))
    store.register([one, two, three])
    store.save_failure(two.recording_id, Stage.RAW_AUDIO, _error(UnreadableAudio), RUN)
    for stage in Stage:
        save(store, stage, three.recording_id, results(three.recording_id, utterances=1))
    assert store.count_by_state() == {
        RecordingState.IN_PROGRESS: 1,
        RecordingState.QUARANTINED: 1,
        RecordingState.DONE: 1,
        RecordingState.FAILED: 0,
        RecordingState.DROPPED: 0,
    }
    assert [row.recording for row in store.rows(state=RecordingState.QUARANTINED)] == [two]
    assert store.rows([one.recording_id], state=RecordingState.DONE) == []


def test_a_run_and_its_retries_are_told_from_others(store: SqlRecordStore, call: Recording) -> None:
    found = results(call.recording_id, utterances=1)
    save(store, Stage.RAW_AUDIO, call.recording_id, found, RunContext("run-1", "run-1"))
    save(store, Stage.SEGMENTS, call.recording_id, found, RunContext("run-2", "run-1"))
    save(store, Stage.TRANSCRIPTS, call.recording_id, found, RunContext("other", "other"))
    assert store.stages_done_in("run-1") == {
        (call.recording_id, Stage.RAW_AUDIO),
        (call.recording_id, Stage.SEGMENTS),
    }
    save(store, Stage.SEGMENTS, call.recording_id, found, RunContext("other", "other"))
    assert store.stages_done_in("run-1") == {(call.recording_id, Stage.RAW_AUDIO)}
    assert store.stages_done_in("none") == frozenset()


def test_a_failed_save_changes_nothing(store: SqlRecordStore, call: Recording) -> None:
    save(store, Stage.SEGMENTS, call.recording_id, results(call.recording_id))
    twice = [Segment(0, 0, 0.0, 1.0), Segment(0, 0, 0.0, 1.0)]
    with pytest.raises(sa.exc.IntegrityError):
        store.save_segments(call.recording_id, twice, RunContext("bad", "bad"))
    assert len(store.segments(call.recording_id)) == 15
    assert store.stages_done_in("bad") == frozenset()


def test_many_ids_at_once(store: SqlRecordStore) -> None:
    many = [recording(f"{n}.wav") for n in range(2_000)]
    store.register(many)
    ids = [one.recording_id for one in many] + [f"missing-{n}" for n in range(98_000)]
    assert len(store.rows(ids)) == 2_000
    done = store.stages_done(ids)
    assert len(done) == 100_000
    assert set(done.values()) == {frozenset()}


def test_deleting_a_recording_deletes_what_was_found(
    store: SqlRecordStore, database: sa.Engine, call: Recording
) -> None:
    for stage in Stage:
        save(store, stage, call.recording_id, results(call.recording_id))
    with writing(database) as connection:
        connection.execute(sa.delete(recordings))
        left = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in metadata.sorted_tables
        }
    assert set(left.values()) == {0}
