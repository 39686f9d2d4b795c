"""Which recordings a backfill takes, on SQLite and PostgreSQL."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import StorageFull, UnreadableAudio
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.storage import selection
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.retirement import mark_back, mark_retired, retirable
from asr_pipeline.storage.tables import recordings
from asr_pipeline_tests.storage.samples import RUN, recording, results, save

pytestmark = pytest.mark.database
TRANSIENT = StorageFull("a disk", expected="room", found="none", remedy="Free some.")
PERMANENT = UnreadableAudio("a file", expected="audio", found="text", remedy="Drop it.")
BEFORE, AFTER = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def store(database: sa.Engine) -> SqlRecordStore:
    """Give recordings 0: new; 1: half done; 2: done; 3: failed at the third; 4: quarantined; 5: failed later."""
    store = SqlRecordStore(database)
    made = [recording(f"r{number}.wav") for number in range(6)]
    store.register(made)
    for number, stages in ((1, list(Stage)[:3]), (2, list(Stage)), (3, list(Stage)[:2]), (5, list(Stage))):
        found = results(made[number].recording_id, utterances=1, words=1)
        for stage in stages:
            save(store, stage, made[number].recording_id, found)
    store.save_failure(made[3].recording_id, Stage.TRANSCRIPTS, TRANSIENT, RUN)
    store.save_failure(made[4].recording_id, Stage.RAW_AUDIO, PERMANENT, RUN)
    store.save_failure(made[5].recording_id, Stage.TRANSLATIONS, TRANSIENT, RUN)
    return store


def ids(store: SqlRecordStore) -> list[str]:
    return [row.recording.recording_id for row in store.rows()]


def test_missing_goes_on_from_the_first_stage_that_lacks(database: sa.Engine, store: SqlRecordStore) -> None:
    found = selection.missing(database)
    assert [redo.recording_id for redo in found] == ids(store)[:2]
    assert found[0].stages == set(Stage)
    assert found[0].reasons == ("raw_audio: none yet",)
    assert found[1].stages == {Stage.TRANSLATIONS, Stage.SUBTITLES}
    assert found[1].reasons == ("translations: none yet",)


def test_failed_begins_with_what_failed(database: sa.Engine, store: SqlRecordStore) -> None:
    found = selection.failed(database)
    assert [redo.recording_id for redo in found] == [ids(store)[3], ids(store)[5]]
    assert found[0].stages == with_downstream({Stage.TRANSCRIPTS})
    assert found[1].stages == {Stage.TRANSLATIONS, Stage.SUBTITLES}
    assert found[1].reasons == ("translations: failed",)


def test_since_takes_all_stages_of_all_that_were_not_given_up(database: sa.Engine, store: SqlRecordStore) -> None:
    with database.begin() as connection:
        connection.execute(
            sa.update(recordings).where(recordings.c.recording_id == ids(store)[0]).values(state="dropped")
        )
    found = selection.since(database, BEFORE)
    assert [redo.recording_id for redo in found] == ids(store)[1:]
    assert all(redo.stages == set(Stage) for redo in found)
    assert selection.since(database, AFTER) == []


def test_only_what_is_done_and_older_retires(database: sa.Engine, store: SqlRecordStore) -> None:
    known = ids(store)
    assert retirable(database, known, AFTER) == [known[2]]
    assert retirable(database, known[3:], AFTER) == []
    assert retirable(database, known, BEFORE) == []


def test_the_day_of_retirement_is_kept_until_it_is_back(database: sa.Engine, store: SqlRecordStore) -> None:
    known = ids(store)

    def retired() -> dict[str, dt.datetime]:
        query = sa.select(recordings.c.recording_id, recordings.c.retired_at).where(
            recordings.c.retired_at.is_not(None)
        )
        with database.connect() as connection:
            return {one: moment for one, moment in connection.execute(query) if moment is not None}

    mark_retired(database, known[:2])
    first = retired()
    mark_retired(database, known[:3])
    assert retired() | first == retired()
    assert set(retired()) == set(known[:3])
    mark_back(database, [*known[1:], "nobody"])
    assert set(retired()) == {known[0]}
