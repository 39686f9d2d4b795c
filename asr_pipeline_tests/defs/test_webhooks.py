"""The webhooks sensor on a real installation: what a run has done is told to a real server, signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.defs import webhooks
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import Storage, open_storage
from asr_pipeline_tests.hook_server import HookServer, Taken, hook_server
from asr_pipeline_tests.storage.house import House

pytestmark = pytest.mark.e2e
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_storage(load_settings()) as storage:
        yield storage


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    with hook_server() as server:
        monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_URLS", f"{server.url}/hook")
        monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_SECRET", SECRET)
        monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_ALLOW_PRIVATE", "true")
        yield server


def tick(storage: Storage, cursor: str | None) -> tuple[str, str | None]:
    """Evaluate the sensor once; give what it says, and its cursor."""
    with open_instance(storage.layout.dagster_home) as instance:
        result = webhooks.webhooks(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(result, dg.SensorResult)
    assert isinstance(result.skip_reason, dg.SkipReason)
    return result.skip_reason.skip_message or "", result.cursor


def done(storage: Storage, name: str) -> str:
    house = House(storage.database, storage.layout)
    recording_id = house.register(name)
    for stage in Stage:
        house.commit(recording_id, stage)
    return recording_id


def is_signed(taken: Taken) -> bool:
    signed = f"{taken.headers['webhook-id']}.{taken.headers['webhook-timestamp']}.".encode() + taken.body
    expected = base64.b64encode(hmac.new(b"k" * 32, signed, hashlib.sha256).digest()).decode()
    return taken.headers["webhook-signature"] == f"v1,{expected}"


def test_each_end_is_told_once_and_the_past_is_not(storage: Storage, server: HookServer) -> None:
    done(storage, "before.wav")
    told, cursor = tick(storage, None)
    assert told.startswith("0 told")
    recording_id = done(storage, "talk.wav")
    told, cursor = tick(storage, cursor)
    assert told.startswith("1 told, 0 ")
    told, cursor = tick(storage, cursor)
    assert told.startswith("0 told")
    (taken,) = server.taken
    assert is_signed(taken)
    assert json.loads(taken.body)["data"]["recording_id"] == recording_id


def test_what_is_refused_is_told_again_later_under_the_same_id(
    storage: Storage, server: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, cursor = tick(storage, None)
    done(storage, "talk.wav")
    server.statuses.append(503)
    told, cursor = tick(storage, cursor)
    assert told.startswith("0 told, 1 ")
    assert tick(storage, cursor)[0].startswith("0 told, 0 ")  # not due yet
    with storage.database.begin() as connection:
        connection.exec_driver_sql("UPDATE webhook_deliveries SET due_at = created_at")
    assert tick(storage, cursor)[0].startswith("1 told, 0 ")
    assert len({taken.headers["webhook-id"] for taken in server.taken}) == 1
    assert all(map(is_signed, server.taken))
    monkeypatch.delenv("ASR_PIPELINE_WEBHOOK_URLS")
    assert tick(storage, cursor)[0].startswith("No ASR_PIPELINE_WEBHOOK_URLS")


def test_without_leave_nothing_goes_to_this_machine(
    storage: Storage, server: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_URLS", server.url.replace("http:", "https:"))
    monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_ALLOW_PRIVATE", "false")
    _, cursor = tick(storage, None)
    done(storage, "talk.wav")
    assert tick(storage, cursor)[0].startswith("0 told, 1 ")
    assert server.taken == []
    with storage.database.connect() as connection:
        why = connection.exec_driver_sql("SELECT last_error FROM webhook_deliveries").scalar_one()
    assert "private address 127.0.0.1" in why
