"""Posts to a real server on this machine, and refusals of where nothing may go."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from asr_pipeline.storage import posting
from asr_pipeline.storage.posting import NotDelivered, post
from asr_pipeline_tests.hook_server import hook_server


def test_what_is_posted_arrives_as_it_was() -> None:
    with hook_server() as server:
        post(f"{server.url}/a/b?c=d", b'{"x": 1}', {"webhook-id": "7"}, allow_private=True)
        (taken,) = server.taken
    assert (taken.path, taken.body) == ("/a/b?c=d", b'{"x": 1}')
    assert taken.headers["webhook-id"] == "7"
    assert taken.headers["Content-Type"] == "application/json"
    assert taken.headers["Host"] == server.url.removeprefix("http://")


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 500])
def test_any_other_answer_is_none_and_no_redirect_is_followed(status: int) -> None:
    with hook_server() as server:
        server.statuses.append(status)
        with pytest.raises(NotDelivered, match=f"status {status}"):
            post(server.url + "/secret-token", b"{}", {}, allow_private=True)
        assert len(server.taken) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "2130706433", "0"])
def test_nothing_goes_to_private_addresses_unless_allowed(host: str) -> None:
    with hook_server() as server:
        port = server.url.rpartition(":")[2]
        with pytest.raises(NotDelivered, match="private address"):
            post(f"https://{host}:{port}/", b"{}", {}, allow_private=False)
        assert server.taken == []


def test_a_name_that_leads_elsewhere_at_the_second_look_is_not_looked_up_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up: list[str] = []
    connected: list[object] = []

    def look_up(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        address = "8.8.8.8" if len(looked_up) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    def connect(address: tuple[str, int], *_: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        post("https://rebinding.example/", b"{}", {}, allow_private=False)
    assert (looked_up, connected) == (["rebinding.example"], [("8.8.8.8", 443)])


def test_one_private_address_among_several_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotDelivered, match=r"10\.0\.0\.1"):
        post("https://two.example/", b"{}", {}, allow_private=False)


@contextmanager
def says(content: bytes) -> Iterator[int]:
    """Listen, and give whoever connects some bytes and then nothing more, until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(content)
                done.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        done.set()
        thread.join()


def test_a_server_that_never_comes_to_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_MAX_S", 0.3)
    with says(b"HTTP/1.1 2") as port, pytest.raises(NotDelivered):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, allow_private=True)


def test_what_is_no_http_or_nobody_is_told() -> None:
    with says(b"SSH-2.0-x\r\n\r\n") as port, pytest.raises(NotDelivered, match="BadStatusLine"):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, allow_private=True)
    with pytest.raises(NotDelivered, match="Refused"):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, allow_private=True)


def test_https_wants_a_certificate_of_that_name() -> None:
    with hook_server() as server, pytest.raises(NotDelivered) as caught:
        post(server.url.replace("http:", "https:"), b"{}", {}, allow_private=True)
    assert isinstance(caught.value.__cause__, ssl.SSLError | ConnectionError)
