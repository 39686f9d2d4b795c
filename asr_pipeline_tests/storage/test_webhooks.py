"""The outbox on both databases: each change once for each address, claimed by one, kept until delivered or given up."""

import datetime as dt
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import EngineFailed, UnreadableAudio
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.webhook import ATTEMPTS_MAX, FIRST_WAIT
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.webhooks import KEPT, SqlWebhooks
from asr_pipeline_tests.storage.house import House
from asr_pipeline_tests.storage.samples import RUN

pytestmark = pytest.mark.database
URLS = ["https://a.example/", "https://b.example/"]


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, Layout(tmp_path / "data"))


def test_what_came_to_an_end_is_noted_once_for_each_address(house: House, database: sa.Engine) -> None:
    begin = dt.datetime.now(dt.UTC)
    done, failed, broken, waiting = (house.register(name) for name in ("a.wav", "\udcff.wav", "c.wav", "d.wav"))
    for stage in Stage:
        house.commit(done, stage)
    house.commit(waiting, Stage.RAW_AUDIO)
    told = {"expected": "x", "found": "y", "remedy": "z."}
    house.store.save_failure(failed, Stage.TRANSCRIPTS, EngineFailed("b", **told), RUN)
    house.store.save_failure(broken, Stage.RAW_AUDIO, UnreadableAudio("c", **told), RUN)
    outbox, now = SqlWebhooks(database), dt.datetime.now(dt.UTC)
    assert [outbox.note_changes(URLS, begin, now), outbox.note_changes(URLS, begin, now)] == [6, 0]
    due = outbox.due(URLS, now, 100)
    assert len({one.delivery_id for one in due}) == 6
    bodies = [json.loads(one.body) for one in due if one.url == URLS[0]]
    assert [(one["type"], one["data"]["recording_id"], one["data"]["state"]) for one in bodies] == [
        ("recording.done", done, "done"),
        ("recording.failed", failed, "failed"),
        ("recording.failed", broken, "quarantined"),
    ]
    assert bodies[1]["data"]["name"] == "\\xff.wav"
    assert bodies[2]["data"]["failed_stage"] == "raw_audio"
    assert outbox.note_changes(URLS, now + dt.timedelta(seconds=1), now) == 0
    house.commit(done, Stage.SUBTITLES)  # done anew is another end
    assert outbox.note_changes(URLS[:1], begin, now) == 1


def test_an_attempt_is_one_process_s_and_comes_back_where_that_dies(house: House, database: sa.Engine) -> None:
    begin = dt.datetime.now(dt.UTC)
    one = house.register("a.wav")
    for stage in Stage:
        house.commit(one, stage)
    outbox, now = SqlWebhooks(database), dt.datetime.now(dt.UTC)
    outbox.note_changes(URLS[:1], begin, now)
    (delivery,) = outbox.due(URLS, now, 10)
    assert outbox.due(["https://other.example/"], now, 10) == []
    assert outbox.claim(delivery, now)
    assert not outbox.claim(delivery, now)
    assert outbox.due(URLS, now, 10) == []
    (again,) = outbox.due(URLS, now + FIRST_WAIT, 10)
    assert (again.attempts, again.delivery_id) == (1, delivery.delivery_id)
    assert outbox.claim(again, now)
    outbox.note_delivered(again, now)
    assert outbox.due(URLS, now + dt.timedelta(days=2), 10) == []
    assert outbox.note_changes(URLS[:1], begin, now) == 0
    another = house.register("b.wav")
    for stage in Stage:
        house.commit(another, stage)
    outbox.note_changes(URLS[:1], dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1), now + KEPT + dt.timedelta(days=1))
    with database.connect() as connection:
        kept = connection.exec_driver_sql("SELECT recording_id FROM webhook_deliveries").scalars().all()
    assert kept == [another]


def test_what_nobody_takes_is_given_up_with_why(house: House, database: sa.Engine) -> None:
    begin = dt.datetime.now(dt.UTC)
    one = house.register("a.wav")
    for stage in Stage:
        house.commit(one, stage)
    outbox, now = SqlWebhooks(database), dt.datetime.now(dt.UTC)
    outbox.note_changes(URLS[:1], begin, now)
    for _ in range(ATTEMPTS_MAX):
        (delivery,) = outbox.due(URLS, now, 10)
        assert outbox.claim(delivery, now)
        outbox.note_failed(delivery, "status 500")
        now += dt.timedelta(hours=7)
    assert outbox.due(URLS, now, 10) == []
    with database.connect() as connection:
        row = connection.exec_driver_sql("SELECT attempts, last_error, delivered_at FROM webhook_deliveries").one()
    assert tuple(row) == (ATTEMPTS_MAX, "status 500", None)
