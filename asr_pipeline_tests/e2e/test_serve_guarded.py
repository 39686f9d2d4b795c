"""The whole product with keys, behind a proxy, with JSON logs; and a webhook that tells of another process's run."""

import json
from pathlib import Path

import dagster as dg
import httpx
import pytest

from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.webhooks import webhooks
from asr_pipeline.storage.layout import Layout
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import served
from asr_pipeline_tests.hook_server import hook_server

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def made_key(data_dir: Path, scope: str) -> str:
    finished = asr_pipeline("keys", "create", f"the {scope} key", "--scope", scope, data_dir=data_dir)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


def test_with_keys_each_change_is_known_and_no_secret_is_logged(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_LOG_FORMAT", "json")
    monkeypatch.setenv("ASR_PIPELINE_TRUSTED_PROXIES", "127.0.0.1")
    read, write = made_key(tmp_path, "read"), made_key(tmp_path, "write")
    proxied = {"X-Forwarded-For": "6.6.6.6, 203.0.113.7", "X-API-Key": write}
    with (
        served(tmp_path, "serve") as gateway,
        httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}", trust_env=False, timeout=60) as client,
    ):

        def is_ready() -> bool:
            try:
                return client.get("/health/ready").status_code == 200
            except httpx.TransportError:
                return False

        gateway.wait_until(is_ready, "it is ready")
        with (samples / "phrases-2.wav").open("rb") as file:
            uploaded = client.post("/upload/?key=hush", files={"audio": file}, headers=proxied)
        assert uploaded.status_code == 202, uploaded.text
        assert "server" not in uploaded.headers
        file_id = uploaded.json()["file_id"]
        shown = {"X-API-Key": read}
        gateway.wait_until(
            lambda: client.get("/translation/", params={"file_id": file_id}, headers=shown).json()["status"] == "done",
            "it is done",
        )
        assert client.get("/recordings/").status_code == 401
        assert client.delete(f"/recordings/{file_id}", headers={"X-API-Key": write}).status_code == 403
        gateway.printed.seek(0)
        printed = gateway.printed.read()
    for secret in (read, write, "hush"):
        assert secret not in printed
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    (logged,) = [line for line in lines if line.get("route") == "/upload/"]
    assert (logged["status"], logged["request_id"]) == (202, uploaded.headers["X-Request-ID"])
    assert logged["principal"].endswith(" the write key")
    audited = printed_json(asr_pipeline("audit", "--json", data_dir=tmp_path))
    assert [(one["action"], one["result"]) for one in audited] == [
        ("keys create", "done"),
        ("keys create", "done"),
        ("POST /upload/", "202"),
        ("DELETE /recordings/{recording_id}", "403"),
    ]
    assert (audited[2]["target"], audited[2]["address"]) == (file_id, "203.0.113.7")
    assert printed_json(asr_pipeline("keys", "list", "--json", data_dir=tmp_path))[0]["last_used_at"] is not None


def has_looked(instance: dg.DagsterInstance) -> bool:
    states = instance.all_instigator_state()
    return any(one.instigator_name == webhooks.name and getattr(one.instigator_data, "cursor", "") for one in states)


def test_the_daemon_tells_of_a_run_of_another_process(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hook_server() as server:
        monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_URLS", server.url)
        monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_ALLOW_PRIVATE", "true")
        monkeypatch.setenv("ASR_PIPELINE_WEBHOOK_SECRET", "a secret of a good length")
        with served(tmp_path, "up") as house, open_instance(Layout(tmp_path).dagster_home) as instance:
            house.wait_until(lambda: has_looked(instance), "the sensor has looked")
            finished = asr_pipeline("process", samples / "phrases-1.wav", data_dir=tmp_path)
            assert finished.returncode == 0, finished.stderr
            house.wait_until(lambda: bool(server.taken), "it is told")
    told = json.loads(server.taken[0].body)
    assert (told["type"], told["data"]["name"]) == ("recording.done", "phrases-1.wav")
