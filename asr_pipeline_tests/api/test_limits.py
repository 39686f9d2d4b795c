"""How much anybody may ask for: over real HTTP, and any body at all through the middleware."""

import asyncio
import json
import socket
from collections.abc import Callable
from http import HTTPStatus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from asr_pipeline.api import limits
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.limits import DEPTH_MAX, Bodies, Concurrency, is_too_deep
from asr_pipeline.domain.access import Scope as AccessScope
from asr_pipeline.storage.api_keys import SqlApiKeys
from asr_pipeline_tests.api.serving import served, told_error

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
NOTES = "/api/v1/notes/"


def test_too_many_requests_of_one_address_are_put_off(make_gateway: Callable[..., Gateway]) -> None:
    with served(make_gateway(rate_limit_address="5/hour")) as client:
        answers = [client.get("/recordings/") for _ in range(7)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert [answer.headers["RateLimit"].split(";")[1] for answer in answers[:5]] == [f"r={n}" for n in range(5)][
            ::-1
        ]
        refused = answers[5]
        told_error(refused, 429, "too_many")
        assert refused.headers["RateLimit-Policy"] == '"address";q=5;w=3600'
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
        assert client.get("/health/live").status_code == 200
        assert client.get("/recordings/", headers={"X-Forwarded-For": "9.9.9.9"}).status_code in {421, 429}


def test_each_key_has_a_rate_of_its_own(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway(rate_limit_key="3/hour")
    keys = [SqlApiKeys(gateway.pipeline.database).create("k", AccessScope.READ).key for _ in range(2)]
    with served(gateway) as client:
        statuses = [
            [client.get("/recordings/", headers={"X-API-Key": key}).status_code for _ in range(4)] for key in keys
        ]
    assert statuses == [[200, 200, 200, 429]] * 2


def test_whoever_sits_at_an_open_gateway_is_not_counted(client: httpx.Client) -> None:
    client.get("/recordings/")  # the first request finds out that there are no keys
    assert "RateLimit" not in client.get("/recordings/").headers


@pytest.mark.parametrize("is_announced", [True, False])
def test_a_body_that_is_too_large_is_refused(client: httpx.Client, gateway: Gateway, *, is_announced: bool) -> None:
    content = b'{"title": "%b"}' % (b"x" * gateway.settings.request_max_bytes)
    headers = {"Content-Type": "application/json"}
    answer = client.post(NOTES, content=content if is_announced else iter([content]), headers=headers)
    told_error(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"title":' * 1000,
        b'{"title": "\xff\xfe"}',
        b'{"title": "\\ud800", "original_text": "\\udfff", "original_language": "en"}',
        b"9" * 100_000,
        b'{"title": NaN}',
        b"\x00",
        b'"' + b'\\"' * 300_000,
        b"",
    ],
)
def test_any_json_is_answered(client: httpx.Client, content: bytes) -> None:
    answer = client.post(NOTES, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in {201, 400, 422}
    assert answer.json()


@given(
    st.recursive(
        st.none() | st.text() | st.booleans(),
        lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(), one, max_size=3),
    )
)
def test_depth_is_that_of_the_json(value: object) -> None:
    depth = 0
    nested = value
    while isinstance(nested, list | dict) and depth <= 200:
        nested = next(iter(nested.values() if isinstance(nested, dict) else nested), None)
        depth += 1
    for extra in (0, DEPTH_MAX, 2 * DEPTH_MAX):
        text = "[" * extra + json.dumps(value) + "]" * extra
        if extra + depth > DEPTH_MAX:
            assert is_too_deep(text.encode())
    assert not is_too_deep(json.dumps([json.dumps(value) * 50, "[{" * 100, '\\"[' * 100]).encode())


@given(st.binary(max_size=300).map(lambda some: some + b"[" * 40 + some))
def test_any_bytes_have_a_depth(body: bytes) -> None:
    assert is_too_deep(body) in {True, False}


def test_a_hostile_string_costs_one_look_at_each_byte() -> None:
    body = b"[" * 33 + b'"' + b'\\"' * 500_000 + b"\\"
    assert is_too_deep(body)  # a look at each byte from each byte would take hours
    assert not is_too_deep(b'"' + b'\\"[' * 300_000)


def test_a_slow_body_is_given_up(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "GRACE_S", 0.2)
    multipart = b"multipart/form-data; boundary=x"
    for path, kind in ((NOTES, b"application/json"), ("/upload/", multipart)):
        with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=30) as connection:
            head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: 50\r\n\r\n"
            connection.sendall(head % (path.encode(), kind) + b"--x")
            answer = b""
            while part := connection.recv(10_000):  # the server hangs up
                answer += part
            assert answer.startswith(b"HTTP/1.1 408 "), path
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "body_too_slow"


def request(app: Callable[..., object], chunks: list[bytes], **headers: str) -> tuple[int, bytes]:
    """Send a body in chunks; give the status and the body of the answer."""

    async def content() -> object:
        for chunk in chunks:
            yield chunk

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/x", content=content(), headers=headers)  # type: ignore[arg-type]

    answer = asyncio.run(ask())
    return answer.status_code, answer.content


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_a_body_comes_through_as_it_was_or_is_refused(chunks: list[bytes]) -> None:
    body = b"".join(chunks)
    status, answer = request(Bodies(echo, most_bytes=100, min_bytes_per_s=1), chunks)
    if len(body) > 100:
        assert status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    elif not is_too_deep(body):
        assert (status, answer) == (HTTPStatus.OK, body)


def test_who_hangs_up_in_mid_body_is_not_answered() -> None:
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "path": "/x", "method": "POST", "headers": [(b"content-length", b"9")]}
    asyncio.run(Bodies(echo, most_bytes=100, min_bytes_per_s=1)(scope, receive, send))
    assert sent == []


def test_only_so_many_are_answered_at_the_same_time() -> None:
    entered, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        entered.release()
        await go_on.wait()
        await echo(scope, receive, send)

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(Concurrency(slow, most=2))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = [asyncio.create_task(client.post("/x")) for _ in range(2)]
            for _ in first:
                await entered.acquire()
            put_off = await client.post("/x")
            live = asyncio.create_task(client.get("/health/live"))
            go_on.set()
            answers = [*await asyncio.gather(*first), put_off, await live]
            return [*answers, await client.post("/x")]

    answers = asyncio.run(ask())
    assert [answer.status_code for answer in answers] == [200, 200, 503, 200, 200]
    assert int(answers[2].headers["Retry-After"]) > 0
    assert answers[2].json()["error"]["code"] == "busy"
