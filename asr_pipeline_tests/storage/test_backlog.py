"""What is left to sensors, and how much waits, on both databases."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.records import SqlRecordStore

pytestmark = pytest.mark.database
SMALL, LARGE = 10, 11


@pytest.fixture
def store(database: sa.Engine) -> SqlRecordStore:
    store = SqlRecordStore(database)
    ways = {"inbox": Way.INBOX, "import": Way.IMPORT, "upload-small": Way.UPLOAD, "upload-large": Way.UPLOAD}
    for number, (name, way) in enumerate(ways.items()):
        size_bytes = LARGE if "large" in name else SMALL
        one = Recording(name, f"{number}" * 64, size_bytes, name, name)
        store.register([one], [Arrival(name, size_bytes, 1, way, Outcome.ACCEPTED, name)])
    return store


def left(store: SqlRecordStore, before: dt.datetime) -> set[str]:
    return {row.recording_id for row in store.left_to_sensors(above_bytes=SMALL, before=before)}


def test_small_uploads_are_left_once_they_have_waited_long(store: SqlRecordStore) -> None:
    now = dt.datetime.now(dt.UTC)
    assert left(store, now - dt.timedelta(minutes=1)) == {"inbox", "upload-large"}
    assert left(store, now + dt.timedelta(minutes=1)) == {"inbox", "upload-large", "upload-small"}


def test_what_waits_is_counted_by_way(store: SqlRecordStore) -> None:
    assert store.count_unprocessed([Way.INBOX, Way.UPLOAD]) == 3
    assert store.count_unprocessed([Way.PROCESS]) == 0


def test_the_latest_upload_is_the_one_that_came_last(store: SqlRecordStore) -> None:
    assert store.latest_upload() == "upload-large"
    again = store.recording("upload-small")
    store.register([again], [Arrival("upload-small", 1, 2, Way.UPLOAD, Outcome.ACCEPTED, "upload-small")])
    assert store.latest_upload() == "upload-small"
