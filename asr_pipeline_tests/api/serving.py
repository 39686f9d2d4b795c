"""The gateway over real HTTP for tests: uvicorn on a free port of this machine, and a client."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from asr_pipeline.api.app import create_app
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.server import GatewayServer

LONGEST_WAIT_S = 120


@contextmanager
def served(gateway: Gateway) -> Iterator[httpx.Client]:
    """Serve a gateway, and give a client of it. The server is stopped at the end."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(gateway), log_level="critical", timeout_graceful_shutdown=5)
        server = GatewayServer(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            port = listening.getsockname()[1]
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
                wait_until(lambda: server.started, "the server is started")
                yield client
        finally:
            server.should_exit = True
            thread.join()


def wait_until(condition: Any, what: str) -> None:  # noqa: ANN401 - what gives anything that may be true
    """Wait for something; too long a wait is an AssertionError."""
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what}: not within {LONGEST_WAIT_S} s"
        time.sleep(0.05)


def upload(client: httpx.Client, file: Path | bytes, name: str = "talk.wav", **headers: str) -> httpx.Response:
    """Upload a file as a form does."""
    content = file if isinstance(file, bytes) else file.read_bytes()
    return client.post("/upload/", files={"audio": (name, content)}, headers=headers)


def translated(client: httpx.Client, file_id: str) -> dict[str, Any]:
    """Wait for the end of a recording's work, and give what /translation/ says then."""
    last: dict[str, Any] = {}

    def is_at_its_end() -> bool:
        answer = client.get("/translation/", params={"file_id": file_id})
        assert answer.status_code == 200, answer.text
        last.update(answer.json())
        return last["status"] in {"done", "failed", "dropped"}

    wait_until(is_at_its_end, f"{file_id} is done")
    return last


def told_error(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check an error's form, and give it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert body["request_id"] == answer.headers["x-request-id"] != ""
    error: dict[str, Any] = body["error"]
    assert error["code"] == code
    assert set(error) == {"code", "message", "expected", "found", "remedy"}
    return error
