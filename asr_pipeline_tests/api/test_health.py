"""The gateway says whether it lives, and what it lacks."""

import time
from dataclasses import replace

import httpx
import pytest
from dagster._daemon.types import DaemonHeartbeat

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.defs.daemon import SENSORS, SILENT_MAX_S, daemon_is_alive
from asr_pipeline.storage.database import open_database
from asr_pipeline_tests.api.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def test_it_lives_and_is_ready(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert answer.json()["parts"].keys() == {"models", "database", "dagster", "disk"}
    assert "vosk" in answer.json()["parts"]["models"]["found"]


def test_without_its_database_it_lives_and_is_not_ready(gateway: Gateway) -> None:
    away = open_database("postgresql://nobody@127.0.0.1:1/nothing")
    with served(replace(gateway, pipeline=replace(gateway.pipeline, database=away))) as client:
        answer = client.get("/health/ready")
        assert client.get("/health/live").status_code == 200
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    ready = {name: part["ready"] for name, part in answer.json()["parts"].items()}
    assert ready == {"models": True, "database": False, "dagster": True, "disk": True}
    assert "127.0.0.1" not in answer.text


def test_a_daemon_that_is_silent_for_long_is_gone(gateway: Gateway) -> None:
    now_s = time.time()
    for heard_s, alive in ((now_s - 1, True), (now_s - SILENT_MAX_S - 1, False)):
        gateway.instance.add_daemon_heartbeat(DaemonHeartbeat(heard_s, SENSORS, "d", []))
        assert daemon_is_alive(gateway.instance) is alive
