"""A run that fails is told to the webhooks' addresses, once, with what stopped it."""

import json
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.instance import open_instance, run_in_process
from asr_pipeline.defs.retirement import give_partitions
from asr_pipeline.defs.run_failures import run_failed
from asr_pipeline.domain.errors import ModelMissing
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import Storage, open_storage
from asr_pipeline_tests.defs.test_webhooks import is_signed, server, storage, tick
from asr_pipeline_tests.hook_server import HookServer
from asr_pipeline_tests.storage.house import House

pytestmark = [pytest.mark.e2e, pytest.mark.fault]
__all__ = ["server", "storage"]  # fixtures


def look(instance: dg.DagsterInstance, cursor: str | None) -> str | None:
    """Evaluate the sensor once; give its cursor. What goes wrong in it is an AssertionError."""
    data = run_failed.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert [reaction.error for reaction in data.dagster_run_reactions or [] if reaction.error] == []
    return data.cursor


def fail_a_run(storage: Storage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    recording_id = House(storage.database, storage.layout).register("talk.wav")
    give_partitions(instance, storage.database, [recording_id])
    with monkeypatch.context() as missing:
        missing.setenv("ASR_PIPELINE_VOSK_MODEL", "not-there")
        job = build_defs().resolve_job_def("process_recordings")
        with pytest.raises(ModelMissing):
            run_in_process(job, instance, [recording_id])


def test_a_run_that_could_not_begin_is_told_once(
    storage: Storage, server: HookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, webhooks_cursor = tick(storage, None)
    with open_instance(storage.layout.dagster_home) as instance:
        fail_a_run(storage, instance, monkeypatch)  # before the first look: not told
        cursor = look(instance, None)
        fail_a_run(storage, instance, monkeypatch)
        cursor = look(instance, cursor)
        look(instance, cursor)
        run_id = instance.get_runs()[0].run_id
    told, webhooks_cursor = tick(storage, webhooks_cursor)
    assert told.startswith("1 told, 0 ")
    (taken,) = server.taken
    assert is_signed(taken)
    body = json.loads(taken.body)
    assert body["type"] == "run.failed"
    assert {name: body["data"][name] for name in ("run_id", "job", "will_retry")} == {
        "run_id": run_id,
        "job": "process_recordings",
        "will_retry": False,
    }
    assert "not-there" in body["data"]["reason"]


def test_without_addresses_nothing_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_storage(load_settings()) as storage, open_instance(storage.layout.dagster_home) as instance:
        cursor = look(instance, None)
        fail_a_run(storage, instance, monkeypatch)
        look(instance, cursor)
        with storage.database.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM webhook_deliveries").scalar_one() == 0
