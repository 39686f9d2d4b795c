"""`asr-pipeline serve` as a process of its own: it is asked to stop, and killed, in the middle of its work."""

import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from asr_pipeline.defs.daemon import daemon_is_alive
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.sensor_pauses import ASKED_BY_TAG
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.layout import Layout
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import Served, served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

HEAD = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


def is_ready(gateway: Served) -> bool:
    try:
        return httpx.get(address(gateway, "/health/ready"), trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def address(gateway: Served, path: str) -> str:
    return f"http://127.0.0.1:{gateway.port}{path}"


def status_of(gateway: Served, file_id: str) -> str:
    told = httpx.get(address(gateway, f"/translation/?file_id={file_id}"), trust_env=False).json()
    return str(told["status"])


def begun_upload(gateway: Served, content: bytes, sent_bytes: int) -> socket.socket:
    """Send the beginning of an upload."""
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
    length = len(HEAD) + len(content) + len(TAIL)
    connection.sendall(
        b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        b"Content-Length: %d\r\n\r\n" % length + HEAD + content[:sent_bytes]
    )
    return connection


def partial_files(data_dir: Path) -> list[Path]:
    return list(Layout(data_dir).originals.glob(f"{PARTIAL_PREFIX}*"))


def verified(data_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = printed_json(asr_pipeline("verify", "--json", data_dir=data_dir))
    return found


def test_asked_to_stop_it_ends_what_it_has_begun(tmp_path: Path, samples: Path) -> None:
    content = (samples / "phrases-1.wav").read_bytes()
    with served(tmp_path, "serve") as gateway:
        gateway.wait_until(lambda: is_ready(gateway), "it is ready")
        with (samples / "phrases-2.wav").open("rb") as file:
            answer = httpx.post(address(gateway, "/upload/"), files={"audio": file}, trust_env=False)
        assert answer.status_code == 202
        with begun_upload(gateway, content, 1000) as connection:
            gateway.wait_until(lambda: bool(partial_files(tmp_path)), "the upload has begun")
            gateway.process.send_signal(signal.SIGTERM)
            connection.sendall(content[1000:] + TAIL)
            assert connection.recv(100).startswith(b"HTTP/1.1 202 ")
        assert gateway.process.wait(120) == 0
    with open_storage(load_settings(data_dir=tmp_path)) as storage:
        states = {row.recording.name: row.state.value for row in storage.store.rows()}
    assert states["phrases-2.wav"] == "done"
    assert states["a.wav"] in {"done", "in_progress"}  # taken; if it came too late for a run, the next start runs it
    assert verified(tmp_path)["findings"] == []


def test_killed_in_the_middle_of_an_upload_it_leaves_nothing(tmp_path: Path, samples: Path) -> None:
    content = (samples / "phrases-1.wav").read_bytes() * 20
    with served(tmp_path, "serve") as gateway:
        gateway.wait_until(lambda: is_ready(gateway), "it is ready")
        with begun_upload(gateway, content, 3_000_000):
            gateway.wait_until(lambda: any(one.stat().st_size for one in partial_files(tmp_path)), "some is written")
            gateway.process.kill()
            gateway.process.wait(60)
    assert partial_files(tmp_path)
    with served(tmp_path, "serve") as gateway:
        gateway.wait_until(lambda: is_ready(gateway), "it is ready again")
        assert partial_files(tmp_path) == []
        assert httpx.get(address(gateway, "/recordings/"), trust_env=False).json()["recordings"] == []
    assert verified(tmp_path)["findings"] == []


def test_killed_after_an_upload_the_next_start_runs_it(tmp_path: Path, samples: Path) -> None:
    with served(tmp_path, "serve") as gateway:
        gateway.wait_until(lambda: is_ready(gateway), "it is ready")
        with (samples / "phrases-2.wav").open("rb") as file:
            answer = httpx.post(address(gateway, "/upload/"), files={"audio": file}, trust_env=False)
        file_id = answer.json()["file_id"]
        gateway.process.kill()
        gateway.process.wait(60)
    with served(tmp_path, "serve") as gateway:
        gateway.wait_until(lambda: is_ready(gateway), "it is ready again")
        gateway.wait_until(lambda: status_of(gateway, file_id) == "done", "the upload is done")
    assert verified(tmp_path)["findings"] == []


def test_beside_a_daemon_a_large_upload_is_a_run_of_its_queue(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_LANE_MAX_BYTES", "1000")
    with served(tmp_path, "up") as house, open_instance(Layout(tmp_path).dagster_home) as instance:
        house.wait_until(lambda: daemon_is_alive(instance), "the daemon is alive")
        with served(tmp_path, "serve") as gateway:
            gateway.wait_until(lambda: is_ready(gateway), "it is ready")
            assert "its daemon is at work" in httpx.get(address(gateway, "/health/ready"), trust_env=False).text
            with (samples / "phrases-2.wav").open("rb") as file:
                answer = httpx.post(address(gateway, "/upload/"), files={"audio": file}, trust_env=False)
            file_id = answer.json()["file_id"]
            house.wait_until(lambda: status_of(gateway, file_id) == "done", "the upload is done")
        runs = instance.get_runs()
    assert [run.tags.get(ASKED_BY_TAG) for run in runs] == ["inbox"]


def test_it_listens_for_others_only_where_they_need_keys(tmp_path: Path) -> None:
    finished = asr_pipeline("serve", "--host", "0.0.0.0", data_dir=tmp_path)  # noqa: S104 - refused
    assert finished.returncode == 1
    assert "this machine alone" in finished.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = asr_pipeline("serve", "--port", str(port), data_dir=tmp_path)
    assert finished.returncode == 1
    assert f"asr-pipeline serve --port {port + 1}" in finished.stderr.replace("\n", " ")
