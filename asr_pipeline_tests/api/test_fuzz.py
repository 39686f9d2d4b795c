"""No input makes the gateway fail: requests made from its own OpenAPI document, and bytes that follow no document."""

import json
import os
import re
import socket
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
import schemathesis
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from asr_pipeline.api.gateway import open_gateway
from asr_pipeline.settings import load_settings
from asr_pipeline_tests.api.serving import served, told_error, translated, upload

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

# What the document can't say of valid data: a file that holds no sound, a language that no model translates into.
REFUSED_FOR_WHAT_IT_MEANS = ["2xx", "3xx", "404", "409", "415", "422", "429"]
fuzzed = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MANY_BYTES = 1 << 20


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Client of a gateway of its own, for what is there is deleted; it takes an hour of sound at most."""
    found = load_settings(data_dir=tmp_path_factory.mktemp("fuzzed"), max_duration_s=3600)
    with open_gateway(found) as gateway, served(gateway) as client:
        yield client


@pytest.fixture(scope="module")
def done_id(client: httpx.Client, samples: Path) -> str:
    file_id = str(upload(client, samples / "phrases-1.wav").json()["file_id"])
    assert translated(client, file_id)["status"] == "done"
    return file_id


class Wire:
    """Sends bytes to the gateway as they are, which no client would."""

    def __init__(self, client: httpx.Client) -> None:
        self._address = (client.base_url.host, client.base_url.port or 80)

    def __call__(self, sent: bytes, *, then_end: bool = True) -> tuple[int, bytes]:
        """Give the status and the whole answer; the status is 0 where the connection was closed without one.

        With `then_end` nothing more will come, which the gateway may take for a caller that has gone.
        """
        with socket.create_connection(self._address, timeout=60) as connection:
            try:
                connection.sendall(sent)
                if then_end:
                    connection.shutdown(socket.SHUT_WR)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            except ConnectionError:
                return 0, b""
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
        return (int(found[1]) if found else 0), answer

    def request(self, line: bytes, headers: bytes = b"", body: bytes = b"") -> tuple[int, bytes]:
        """Send a request with a right frame, whatever is in it."""
        frame = b"Host: localhost\r\nConnection: close\r\nContent-Length: %d\r\n" % len(body)
        return self(line + b" HTTP/1.1\r\n" + frame + headers + b"\r\n" + body, then_end=False)


@pytest.fixture(scope="module")
def wire(client: httpx.Client) -> Iterator[Wire]:
    yield Wire(client)
    assert client.get("/health/live").status_code == 200  # whatever was sent


def escaped(text: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in text)


PATHS = [
    b"/recordings/%s",
    b"/recordings/%s/audio",
    b"/recordings/%s/audio?original=true",
    b"/recordings/a/subtitles.%s",
    b"/api/v1/notes/%s/",
    b"/translation/?file_id=%s",
    b"/translation/?language=%s",
    b"/recordings/?state=%s",
    b"/recordings/?cursor=%s",
    b"/api/v1/notes/?text=%s",
    b"/api/v1/notes/?cursor=%s",
    b"/%s",
]


@fuzzed
@given(
    path=st.sampled_from(PATHS),
    text=st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    method=st.sampled_from([b"GET", b"DELETE", b"PATCH", b"HEAD", b"POST"]),
)
def test_any_bytes_in_an_address(wire: Wire, path: bytes, text: bytes, method: bytes) -> None:
    status, _ = wire.request(method + b" " + path % escaped(text))
    assert 200 <= status < 500


BEGUN = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "text",
    [b"\xff\xfe", b"\x00", b"\xed\xa0\x80", b"a" * 20_000, b"9" * 5000, b"-1", b"1e400", b"\r\nX-Evil: 1"],
    ids=["not UTF-8", "NUL", "a surrogate", "long", "large number", "negative", "infinite", "CR LF"],
)
def test_known_mischief_in_an_address(wire: Wire, path: bytes, text: bytes) -> None:
    status, answer = wire.request(b"GET " + path % escaped(text))
    assert 200 <= status < 500
    assert b"\r\nx-evil" not in answer.lower()


@pytest.mark.parametrize("up", [b"../", b"..%2f", b"%2e%2e%2f", b"..%5c", b"....//", b"%252e%252e%252f", b"..%c0%af"])
@pytest.mark.parametrize("path", [b"/%s", b"/recordings/%s", b"/recordings/%s/audio", b"/recordings/a/subtitles.srt%s"])
def test_no_address_leads_out(wire: Wire, up: bytes, path: bytes) -> None:
    status, answer = wire.request(b"GET " + path % (8 * up + b"etc/passwd"))
    assert status in {404, 422, 307}
    assert b"root:" not in answer


HEADERS = [b"Idempotency-Key", b"Range", b"If-Range", b"If-None-Match", b"X-Request-ID", b"Content-Type", b"Cookie"]
in_a_line = st.binary(max_size=60).map(lambda raw: re.sub(rb"[\r\n\x00]", b"?", raw))


@fuzzed
@given(
    name=st.sampled_from(HEADERS),
    value=in_a_line
    | in_a_line.map(lambda raw: b"bytes=" + raw)
    | in_a_line.map(lambda raw: b"multipart/form-data; " + raw),
    line=st.sampled_from([b"GET /recordings/ID/audio", b"POST /upload/", b"POST /api/v1/notes/"]),
)
def test_any_bytes_in_a_header(wire: Wire, done_id: str, name: bytes, value: bytes, line: bytes) -> None:
    line = line.replace(b"ID", done_id.encode())
    status, _ = wire.request(line, name + b": " + value + b"\r\n", b"{}")
    assert 200 <= status < 500


@fuzzed
@given(
    sent=st.binary(max_size=200)
    | st.binary(max_size=80).map(lambda raw: b"GET / HTTP/1.1\r\nHost: localhost\r\n" + raw)
)
def test_what_is_no_http(wire: Wire, sent: bytes) -> None:
    status, _ = wire(sent)
    assert status < 500


PIECES = [
    b"--b\r\n",
    b"--b--\r\n",
    b"\r\n--b",
    b"\r\n",
    b"\r\n\r\n",
    b'Content-Disposition: form-data; name="audio"; filename="a.wav"\r\n',
    b'Content-Disposition: form-data; name="audio"; filename="../../x"\r\n',
    b"Content-Disposition: form-data; name=\"audio\"; filename*=utf-8''%ff%0d%0aX: 1\r\n",
    b'Content-Disposition: form-data; name="audio\r\n',
    b"Content-Disposition: " + b"a" * 20_000 + b"\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"RIFF\xff\xff\xff\xffWAVE",
    b"\x00" * 1000,
]


@fuzzed
@given(pieces=st.lists(st.sampled_from(PIECES) | st.binary(max_size=20), max_size=12))
def test_broken_forms(wire: Wire, pieces: list[bytes]) -> None:
    headers = b"Content-Type: multipart/form-data; boundary=b\r\n"
    status, _ = wire.request(b"POST /upload/", headers, b"".join(pieces))
    assert 200 <= status < 500


def broken_json() -> dict[str, bytes]:
    whole = {"title": "t", "original_text": "x"}
    return {
        "deep lists": b"[" * MANY_BYTES,
        "deep lists that end": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"title":' * 100_000,
        "deep in a field": b'{"title": "t", "original_text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "1 MB of text": json.dumps({**whole, "original_text": "x" * MANY_BYTES}).encode(),
        "1 MB of title": json.dumps({**whole, "title": "x" * MANY_BYTES}).encode(),
        "1 MB of keys": json.dumps({f"k{number}": 1 for number in range(70_000)}).encode(),
        "1 MB of white space": b" " * MANY_BYTES,
        "a number of 5,000 digits": b'{"title": ' + b"9" * 5000 + b"}",
        "no number": b'{"title": NaN, "original_text": -Infinity}',
        "infinity": b'{"title": 1e999}',
        "not UTF-8": b'{"title": "\xff\xfe", "original_text": "x"}',
        "a lone surrogate": b'{"title": "\\ud800", "original_text": "\\udfff"}',
        "NUL": b'{"title": "a\\u0000", "original_text": "x"}',
        "nothing": b"",
        "null": b"null",
    }


@pytest.mark.parametrize("which", broken_json())
@pytest.mark.parametrize(("method", "path"), [("POST", "/"), ("PATCH", "/ID/"), ("POST", "/ID/translate/")])
def test_broken_json_is_refused(client: httpx.Client, which: str, method: str, path: str) -> None:
    note_id = client.post("/api/v1/notes/", json={"title": "t", "original_text": "Hello."}).json()["id"]
    answer = client.request(
        method,
        "/api/v1/notes" + path.replace("ID", note_id),
        content=broken_json()[which],
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code in {400, 413, 422}, answer.text
    assert len(answer.content) < 5000  # what was sent is not sent back
    told_error(answer, answer.status_code, answer.json()["error"]["code"])


NAMES = ["a\r\nX-Evil: 1.wav", "../../etc/passwd", "a\x00b.wav", "\u202etxt.wav", '"; x="', "é" * 300]


def test_a_name_goes_nowhere(client: httpx.Client, samples: Path) -> None:
    whole = (samples / "phrases-1.wav").read_bytes()
    answers = [upload(client, whole + name.encode(), name) for name in NAMES]  # each has bytes of its own
    assert [answer.status_code for answer in answers] == [202] * len(NAMES)
    for answer in answers:
        file_id = answer.json()["file_id"]
        assert re.fullmatch("[a-z0-9-]+", file_id)
        assert translated(client, file_id)["status"] == "done"
        kept = client.get(f"/recordings/{file_id}").json()["name"]
        assert kept.isprintable()
        assert 0 < len(kept) <= 200
        assert "/" not in kept
        for part in ("audio", "audio?original=true", "subtitles.srt"):
            found = client.get(f"/recordings/{file_id}/{part}")
            assert found.status_code == 200
            assert "x-evil" not in found.headers
            assert "Evil" not in found.headers["content-disposition"]


@pytest.mark.parametrize(
    "ranges",
    [",".join(["0-"] * 10_000), ",".join(f"{2 * at}-{2 * at}" for at in range(4000)), ",".join(["-1"] * 10_000)],
    ids=["the whole again and again", "every other byte", "the last byte again and again"],
)
def test_many_ranges_give_no_more_than_there_is(client: httpx.Client, done_id: str, ranges: str) -> None:
    address = f"/recordings/{done_id}/audio"
    size_bytes = len(client.get(address).content)
    answer = client.get(address, headers={"Range": f"bytes={ranges}"})
    assert answer.status_code in {200, 206, 400, 416}
    assert len(answer.content) < 10 * size_bytes


def zip_bomb() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(200 << 20))
    return packed.getvalue()


def wav_that_declares_hours() -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16)
    return b"RIFF\xf0\xff\xff\x7fWAVE" + form + b"data" + struct.pack("<I", 0x7FFFFF00) + bytes(3200)


def wav_of_very_many_channels() -> bytes:
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 65_535, 0xFFFFFFFF, 0xFFFFFFFF, 65_534, 16)
    return b"RIFF\xf0\xff\xff\x7fWAVE" + form + b"data" + struct.pack("<I", 0x7FFFFF00) + bytes(3200)


def flac(seconds: float, declared_samples: int | None = None) -> bytes:
    packed = BytesIO()
    soundfile.write(packed, np.zeros(int(8000 * seconds), dtype=np.int16), 8000, format="FLAC")
    content = bytearray(packed.getvalue())
    if declared_samples is not None:  # the last 36 bits before the checksum of STREAMINFO
        (word,) = struct.unpack(">Q", content[18:26])
        content[18:26] = struct.pack(">Q", word & ~(2**36 - 1) | declared_samples)
    return bytes(content)


BOMBS: dict[str, Callable[[], bytes]] = {
    "a zip": zip_bomb,
    "a WAV header that declares hours": wav_that_declares_hours,
    "a WAV header of very many channels": wav_of_very_many_channels,
    "a FLAC header that declares years": lambda: flac(1, 2**36 - 1),
    "half a MB of FLAC that is hours": lambda: flac(4 * 3600),
    "a playlist": lambda: b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "a concat script": lambda: b"ffconcat version 1.0\nfile /etc/passwd\n",
    "an SDP": lambda: b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n",
}
GROWTH_MAX_BYTES = 150 << 20


def peak_bytes() -> int:
    """Give the most memory that this process, which serves, and its engines' processes have had."""
    total = 0
    for one in (os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))):
        with suppress(FileNotFoundError, ProcessLookupError):  # a child that has ended since
            found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{one}/status").read_text())
            total += int(found[1]) << 10 if found else 0
    return total


@pytest.mark.parametrize("which", BOMBS)
def test_a_bomb_costs_little(client: httpx.Client, which: str) -> None:
    """It is refused, or ends by itself, failed or done; memory stays as it is."""
    bomb = BOMBS[which]()
    assert len(bomb) < MANY_BYTES
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    before = peak_bytes()
    answer = upload(client, bomb, "a.wav")
    assert answer.status_code in {202, 413, 415}, answer.text
    if answer.status_code == 202:
        end = translated(client, answer.json()["file_id"])
        assert end["status"] in {"done", "failed"}
        assert which != "half a MB of FLAC that is hours" or end["status"] == "failed"
    assert peak_bytes() - before < GROWTH_MAX_BYTES


def test_every_answer_is_as_the_document_says(client: httpx.Client, done_id: str) -> None:
    """Valid and invalid data for every operation, at its edges and at random; then chains of operations."""
    assert done_id
    config = SchemathesisConfig.from_dict(
        {
            "continue-on-failure": True,
            "generation": {"mode": "all", "max-examples": 15, "database": "none", "deterministic": True},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": REFUSED_FOR_WHAT_IT_MEANS},
                "use_after_free": {"enabled": False},  # an erased recording stays known, as dropped
            },
        }
    )
    document = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json", config=config)
    tried: set[str] = set()
    failures: list[str] = []
    for event in from_schema(document).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if isinstance(event, events.ScenarioFinished):
            tried.add(event.recorder.label)
            failures += [
                f"{event.recorder.label}: {check.failure_info.failure.title}: {check.failure_info.failure.message}"
                f" {event.recorder.cases[case].value.as_curl_command()}"
                for case, checks in event.recorder.checks.items()
                for check in checks
                if check.failure_info is not None
            ]
    paths = client.get("/openapi.json").json()["paths"]
    assert tried >= {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert not failures, "\n".join(sorted(set(failures))[:20])
