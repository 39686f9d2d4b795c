"""Headers of every answer, and log lines: no stranger's text breaks one in two."""

import asyncio
import io
import json
import logging
import socket

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from asr_pipeline.api.headers import SecurityHeaders, without_control
from asr_pipeline.wiring.logs import JsonLines, PlainLines
from asr_pipeline_tests.api.serving import upload

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.mark.parametrize("path", ["/health/live", "/recordings/", "/no/such", "/translation/?file_id=x"])
def test_every_answer_says_what_a_browser_may_do(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Request-ID"]
    assert "access-control-allow-origin" not in headers


def test_a_refusal_has_them_too(client: httpx.Client) -> None:
    refused = client.get("/recordings/", headers={"Host": "evil.example"})
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/recordings/a%0d%0aX-Evil:%201/audio", "/recordings/%0d%0aX-Evil:%201"])
def test_no_name_of_a_recording_ends_a_header(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "x-evil" not in answer.headers


def test_no_name_of_a_file_and_no_request_id_ends_a_header(client: httpx.Client) -> None:
    name = b"a\rX-Evil: 1\rb.wav"
    body = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="' + name + b'"\r\n\r\nRIFF\r\n--x--\r\n'
    head = b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: a\x0bX-Evil: 1\r\nConnection: close\r\n"
    head += b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: %d\r\n\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=30) as connection:
        connection.sendall(head + body)
        answer = b""
        while part := connection.recv(10_000):
            answer += part
    assert answer.startswith(b"HTTP/1.1 4")
    assert b"x-evil" not in answer.partition(b"\r\n\r\n")[0].lower()
    assert upload(client, b"RIFF", "a\r\nX-Evil: 1.wav").headers.get("x-evil") is None


@given(st.binary())
def test_no_value_holds_what_ends_a_header(value: bytes) -> None:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-name", value)]})
        await send({"type": "http.response.body", "body": b""})

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(SecurityHeaders(app))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/")

    (sent,) = [content for name, content in asyncio.run(ask()).headers.raw if name == b"x-name"]
    assert sent == without_control(value)
    assert not set(sent) & {*range(9), *range(10, 32), 127}
    assert without_control(b"a\tb \xff") == b"a\tb \xff"


@given(st.text())
def test_a_record_is_one_line_whatever_it_says(message: str) -> None:
    for formatter in (PlainLines(), JsonLines()):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        handler.handle(logging.LogRecord("a", logging.INFO, "", 0, "%s", (message,), None))
        line = stream.getvalue()
        assert line.endswith("\n")
        assert len(line.splitlines()) == 1
        line.encode()
        if isinstance(formatter, JsonLines):
            assert json.loads(line)["level"] == "INFO"
