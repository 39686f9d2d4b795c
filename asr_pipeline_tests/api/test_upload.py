"""Uploads over real HTTP: what becomes Persian, and what is refused, with why, at the earliest moment."""

import resource
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster._daemon.types import DaemonHeartbeat

from asr_pipeline.api.gateway import Gateway, open_gateway
from asr_pipeline.defs.backlog import covered
from asr_pipeline.defs.daemon import SENSORS
from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.lane import REQUESTS_TAG
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline
from asr_pipeline_tests.api.serving import served, told_error, translated, upload, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

HEAD = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
REQUEST = b"POST /upload/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"


def partial_files(gateway: Gateway) -> list[Path]:
    return list(gateway.pipeline.layout.originals.rglob(f"{PARTIAL_PREFIX}*"))


def registered(gateway: Gateway) -> int:
    return sum(gateway.pipeline.store.count_by_state().values())


def connected(client: httpx.Client) -> socket.socket:
    """Connect without a client's manners."""
    return socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=30)


def test_an_upload_becomes_persian(client: httpx.Client, gateway: Gateway, samples: Path) -> None:
    answer = upload(client, samples / "phrases-2.wav", "مصاحبه ۲.wav", **{"X-Request-ID": "my-request"})
    assert answer.status_code == 202
    assert answer.json().keys() == {"status", "file_id", "message"}
    file_id = answer.json()["file_id"]
    assert client.get("/translation/").json()["file_id"] == file_id  # the latest
    assert translated(client, file_id)["translation"].count("\n") >= 1
    (run,) = gateway.instance.get_runs(dg.RunsFilter(tags={REQUESTS_TAG: "my-request"}))
    assert file_id in covered(gateway.instance, [run])
    row = gateway.pipeline.store.rows([file_id])[0]
    assert (row.state, row.recording.name) == (RecordingState.DONE, "مصاحبه ۲.wav")
    assert gateway.pipeline.layout.source_of(row.recording).read_bytes() == (samples / "phrases-2.wav").read_bytes()
    assert partial_files(gateway) == []


def test_the_same_bytes_under_another_name_are_the_same_file(client: httpx.Client, done_id: str, samples: Path) -> None:
    answer = upload(client, samples / "phrases-1.wav", "another name.mp3")
    assert answer.status_code == 200
    assert (answer.json()["file_id"], answer.json()["status"]) == (done_id, "done")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../../etc/passwd.wav", "passwd.wav"),
        ("C:\\Users\\me\\talk.wav", "talk.wav"),
        ("..", "upload"),
        ("\u202eevil.wav", "evil.wav"),
    ],
)
def test_a_name_keeps_its_last_part_alone(
    client: httpx.Client, gateway: Gateway, samples: Path, given: str, kept: str
) -> None:
    content = (samples / "phrases-3.wav").read_bytes() + given.encode()  # bytes of its own
    file_id = upload(client, content, given).json()["file_id"]
    assert gateway.pipeline.store.recording(file_id).name == kept


def test_what_is_no_audio_is_refused_by_its_content(client: httpx.Client, gateway: Gateway) -> None:
    before = registered(gateway)
    error = told_error(upload(client, b"I am a song, believe me. " * 1000, "song.wav"), 415, "unreadable_audio")
    assert error["message"].startswith("song.wav: expected a file with sound")
    told_error(upload(client, b"", "empty.wav"), 415, "unreadable_audio")
    assert registered(gateway) == before
    assert partial_files(gateway) == []


def test_a_form_without_the_field_is_refused(client: httpx.Client) -> None:
    error = told_error(client.post("/upload/", files={"sound": ("a.wav", b"RIFF")}), 422, "request_invalid")
    assert error["message"].startswith("the field 'audio'")
    told_error(client.post("/upload/", files={"audio": (None, "no file")}), 422, "request_invalid")
    told_error(client.post("/upload/", data={"audio": "text"}), 415, "content_type_wrong")
    told_error(client.post("/upload/"), 415, "content_type_wrong")


@pytest.mark.parametrize("body", [b"", HEAD + b"RIFF", b"--y\r\n", HEAD[:20], b"--x\r\n\x00: \r\n\r\n"])
def test_a_broken_body_is_refused(client: httpx.Client, gateway: Gateway, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    told_error(client.post("/upload/", content=body, headers=headers), 422, "request_invalid")
    assert partial_files(gateway) == []


def test_a_size_that_is_announced_is_refused_before_a_byte_is_read(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(REQUEST + b"Content-Length: 99999999999\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_a_limit_stops_an_upload_in_its_middle(gateway: Gateway) -> None:
    pipeline = replace(gateway.pipeline, settings=gateway.settings.model_copy(update={"upload_max_bytes": 1_000_000}))
    with served(replace(gateway, pipeline=pipeline)) as client, connected(client) as connection:
        connection.sendall(REQUEST + b"Transfer-Encoding: chunked\r\n\r\n" + b"%x\r\n%b\r\n" % (len(HEAD), HEAD))
        connection.settimeout(0.5)
        sent_bytes, is_read = 0, True
        while is_read and not select.select([connection], [], [], 0.01)[0]:
            try:
                connection.sendall(b"10000\r\n" + bytes(0x10000) + b"\r\n")
            except TimeoutError:
                is_read = False  # the server reads no more: it has answered, or is about to
            sent_bytes += 0x10000
            assert sent_bytes < 64_000_000
        connection.settimeout(30)
        answer = connection.recv(100)
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert partial_files(gateway) == []


def test_what_is_beside_the_file_is_bounded_too(client: httpx.Client) -> None:
    answer = client.post("/upload/", files={"other": ("a", bytes(3_000_000)), "audio": ("a.wav", b"RIFF")})
    assert told_error(answer, 413, "limit_exceeded")["expected"].endswith("beside the file")


def test_who_goes_away_leaves_nothing(client: httpx.Client, gateway: Gateway) -> None:
    before = registered(gateway)
    with connected(client) as connection:
        connection.sendall(REQUEST + b"Content-Length: 5000000\r\n\r\n" + HEAD + bytes(2_000_000))
        wait_until(lambda: any(path.stat().st_size for path in partial_files(gateway)), "some of it is written")
    wait_until(lambda: not partial_files(gateway), "what was written is gone")
    assert registered(gateway) == before


@pytest.mark.fault
def test_a_full_disk_is_told_and_leaves_nothing(client: httpx.Client, gateway: Gateway) -> None:
    before = registered(gateway)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, hard))  # no file of this process can be larger
    try:
        answer = upload(client, bytes(5_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    told_error(answer, 503, "storage_full")
    assert int(answer.headers["Retry-After"]) > 0
    assert (registered(gateway), partial_files(gateway)) == (before, [])


def test_a_key_of_ones_own_gives_the_same_answer_again(client: httpx.Client, samples: Path) -> None:
    key = {"Idempotency-Key": "my key/1".replace(" ", "-")}
    content = (samples / "phrases-4.wav").read_bytes() + b"by key"  # bytes of its own: the gateway is all tests'
    first = upload(client, content, **key)
    translated(client, first.json()["file_id"])
    again = upload(client, content, **key)
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    told_error(upload(client, samples / "phrases-5.wav", **key), 409, "conflict")
    told_error(upload(client, samples / "phrases-5.wav", **{"Idempotency-Key": "a b"}), 422, "request_invalid")


def test_a_refusal_is_not_kept_under_a_key(client: httpx.Client, samples: Path) -> None:
    key = {"Idempotency-Key": "refused-first"}
    told_error(upload(client, b"no audio", **key), 415, "unreadable_audio")
    assert upload(client, samples / "phrases-4.wav", **key).status_code in {200, 202}


def test_many_at_once_are_all_done_and_none_is_lost(client: httpx.Client, gateway: Gateway, samples: Path) -> None:
    content = (samples / "phrases-3.wav").read_bytes()
    bodies = [content + bytes([number]) for number in range(12)] * 2  # each twice, at the same time
    with ThreadPoolExecutor(len(bodies)) as threads:
        answers = list(threads.map(lambda body: upload(client, body), bodies))
    assert {answer.status_code for answer in answers} <= {200, 202}
    ids = {answer.json()["file_id"] for answer in answers}
    assert len(ids) == 12
    assert {translated(client, one)["status"] for one in ids} == {"done"}
    assert partial_files(gateway) == []


def test_where_too_much_waits_uploads_are_put_off(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway(queue_max=1)
    waiting = Recording("a-000000000000", "0" * 64, 1, "a.wav", "originals/a")
    arrival = Arrival("/a", 1, 1, Way.INBOX, Outcome.ACCEPTED, waiting.recording_id)
    gateway.pipeline.store.register([waiting], [arrival])
    with served(gateway) as client:
        answer = upload(client, samples / "phrases-1.wav")
    told_error(answer, 503, "busy")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_large_upload_is_left_to_the_daemon(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway(lane_max_bytes=1000)
    gateway.instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), SENSORS, "d", []))
    with served(gateway) as client:
        file_id = upload(client, samples / "phrases-1.wav").json()["file_id"]
        gateway.lane.close()  # all that it was given is done
        assert client.get("/translation/", params={"file_id": file_id}).json()["status"] == "queued"
    assert gateway.instance.get_runs_count() == 0


def test_a_large_upload_is_run_at_once_where_there_is_no_daemon(
    make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    with served(make_gateway(lane_max_bytes=1000)) as client:
        file_id = upload(client, samples / "phrases-1.wav").json()["file_id"]
        assert translated(client, file_id)["status"] == "done"


def test_what_a_gateway_that_died_had_taken_is_done_by_the_next(tmp_path: Path, samples: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    with open_pipeline(settings) as pipeline:
        file_id = pipeline.register(samples / "phrases-1.wav", Way.UPLOAD).recording_id
    with open_gateway(settings) as gateway, served(gateway) as client:
        assert translated(client, file_id)["status"] == "done"


def test_what_can_never_be_processed_is_told_as_failed(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway(max_duration_s=1)
    with served(gateway) as client:
        file_id = upload(client, samples / "phrases-1.wav").json()["file_id"]
        told = translated(client, file_id)
        assert told["status"] == "failed"
        assert "at most 1 s of sound" in told["reason"]
        again = upload(client, samples / "phrases-1.wav")
        assert (again.status_code, again.json()["status"]) == (200, "failed")
        assert "at most 1 s of sound" in again.json()["message"]
