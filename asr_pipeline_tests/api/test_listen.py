"""`WS /listen` over a real socket: partial and final words, Persian, limits, and nothing that is kept."""

import json
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from asr_pipeline.api import listen
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import metadata
from asr_pipeline_tests.api.serving import served, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
FRAME_BYTES = 3200


def address(client: httpx.Client, query: str = "") -> str:
    return f"ws://127.0.0.1:{client.base_url.port}/listen{query}"


def speech(samples: Path, name: str = "phrases-1.wav") -> tuple[bytes, int]:
    with wave.open(str(samples / name)) as source:
        return source.readframes(source.getnframes()), source.getframerate()


def rest(socket: ClientConnection) -> list[dict[str, Any]]:
    """Hear everything until it is closed, however that is."""
    told: list[dict[str, Any]] = []
    with suppress(ConnectionClosed):
        told.extend(json.loads(message) for message in socket)
    return told


def closed(socket: ClientConnection) -> tuple[int, str]:
    """Give how it was closed, and the error that was told before."""
    told = rest(socket)
    assert socket.close_code is not None
    return socket.close_code, next((one["error"] for one in told if "error" in one), "")


def is_free(client: httpx.Client) -> bool:
    """Tell whether one more may listen."""
    with connect(address(client), proxy=None) as socket:
        with suppress(ConnectionClosed):
            socket.send("end")
        return closed(socket)[0] == 1000


def test_words_come_while_it_is_spoken_then_persian(client: httpx.Client, gateway: Gateway, samples: Path) -> None:
    pcm, rate_hz = speech(samples)
    before = _all_rows(gateway)
    with connect(address(client), proxy=None) as socket:
        socket.send(json.dumps({"sample_rate": rate_hz}))
        for start in range(0, len(pcm), FRAME_BYTES + 1):  # a sample may be torn in two
            socket.send(pcm[start : start + FRAME_BYTES + 1])
        socket.send("end")
        told = rest(socket)
    finals = [one for one in told if "final" in one]
    words = [word for one in finals for word in one["final"]]
    assert [word["text"] for word in words[:4]] == ["the", "camera", "in", "the"]
    assert all(word["start_s"] < word["end_s"] <= len(pcm) / 2 / rate_hz + 0.1 for word in words)
    partial = next(number for number, one in enumerate(told) if one.get("partial"))
    assert partial < told.index(finals[0])
    translations = [one for one in told if "translation" in one]
    assert [one["index"] for one in translations] == [one["index"] for one in finals] == list(range(len(finals)))
    assert "دوربین" in translations[0]["translation"]
    assert {one["language"] for one in translations} == {"fa"}
    assert _all_rows(gateway) == before  # neither the sound, nor a word, nor the translation memory


def test_others_are_answered_meanwhile(client: httpx.Client, samples: Path) -> None:
    pcm, rate_hz = speech(samples, "phrases-2.wav")
    with connect(address(client), proxy=None) as socket:
        socket.send(json.dumps({"sample_rate": rate_hz}))
        for start in range(0, len(pcm), 60_000):
            socket.send(pcm[start : start + 60_000])
            assert client.get("/health/live").status_code == 200
        socket.send("end")
        assert any("final" in one for one in rest(socket))


def test_an_end_without_a_word(client: httpx.Client) -> None:
    with connect(address(client), proxy=None) as socket:
        socket.send("end")
        assert closed(socket) == (1000, "")
    with connect(address(client), proxy=None) as socket:
        socket.send(bytes(32_000))
        socket.send("end")
        assert closed(socket) == (1000, "")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("hello", 1003),
        ('{"sample_rate": 8000}', 1003),
        ('{"sample_rate": 1e9}', 1003),
        ('{"sample_rate": true}', 1003),
        ("[" * 2000, 1003),
        (bytes(65_537), 1009),
    ],
)
def test_what_can_not_be_taken_is_told(client: httpx.Client, message: str | bytes, code: int) -> None:
    with connect(address(client), proxy=None) as socket:
        socket.send(message)
        found, why = closed(socket)
    assert found == code
    assert "found" in why


def test_the_rate_comes_first(client: httpx.Client) -> None:
    with connect(address(client), proxy=None) as socket:
        socket.send(bytes(320))
        socket.send('{"sample_rate": 44100}')
        assert closed(socket)[0] == 1003


def test_no_more_than_so_many(make_gateway: Callable[..., Gateway]) -> None:
    with served(make_gateway(live_sessions_max=1)) as client:
        with connect(address(client), proxy=None) as first:
            first.send(bytes(320))
            with connect(address(client), proxy=None) as second:
                assert closed(second)[0] == 1013

        wait_until(lambda: is_free(client), "the place is free again")


def test_limits_of_time(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "IDLE_MAX_S", 0.3)
    with connect(address(client), proxy=None) as socket:
        assert closed(socket)[0] == 1008
    monkeypatch.setattr(listen, "SESSION_MAX_S", 1.0)
    with connect(address(client), proxy=None) as socket:
        socket.send(bytes(32_002))
        assert closed(socket)[0] == 1008


def test_other_sites_and_other_languages_are_refused(client: httpx.Client) -> None:
    with (
        pytest.raises(InvalidStatus),
        connect(address(client), proxy=None, origin=Origin("https://elsewhere.example")),
    ):
        pass
    with connect(address(client, "?lang=de"), proxy=None) as socket:
        assert closed(socket)[0] == 1008
    own = f"http://127.0.0.1:{client.base_url.port}"
    with connect(address(client), proxy=None, origin=Origin(own)) as socket:
        socket.send("end")
        assert closed(socket)[0] == 1000


def test_who_goes_in_the_middle_leaves_nothing_behind(client: httpx.Client, samples: Path) -> None:
    pcm, _ = speech(samples)
    for _ in range(6):  # more than may listen at once
        with suppress(ConnectionClosed), connect(address(client), proxy=None) as socket:  # it may be turned away
            socket.send(pcm[:64_000])

    wait_until(lambda: is_free(client), "the places are free again")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(messages=st.lists(st.binary(max_size=3000) | st.text(max_size=20), max_size=6))
def test_any_messages(client: httpx.Client, messages: list[bytes | str]) -> None:
    with connect(address(client), proxy=None) as socket:
        with suppress(ConnectionClosed):
            for message in [*messages, "end"]:
                socket.send(message)
        assert closed(socket)[0] in {1000, 1003}


def _all_rows(gateway: Gateway) -> list[str]:
    with reading(gateway.pipeline.database) as connection:
        return [str(row) for table in metadata.sorted_tables for row in connection.execute(sa.select(table)).all()]
