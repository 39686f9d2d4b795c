"""Server-sent events over real HTTP, of recordings that this process works on, and of those that another does."""

import json
import os
import subprocess
import sys
import wave
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from asr_pipeline.api import events
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.stage import Stage
from asr_pipeline_tests.api.serving import served, told_error, upload, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def heard(client: httpx.Client, file_id: str, last_id: str = "") -> Generator[dict[str, Any], None, None]:
    """Listen as a browser does, until the stream ends; close the iterator to go."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with client.stream("GET", f"/recordings/{file_id}/events", headers=headers, timeout=200) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        event: dict[str, Any] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if not line:
                if "data" in event:
                    yield event
                event = {}
            else:
                event[name] = json.loads(value) if name == "data" else value


def test_from_the_upload_to_the_end(client: httpx.Client, samples: Path) -> None:
    file_id = upload(client, samples / "phrases-3.wav").json()["file_id"]
    told = list(heard(client, file_id))
    assert [one["event"] for one in told][-2:] == ["state", "end"]
    assert told[-2]["data"]["status"] == "done"
    whole = client.get(f"/recordings/{file_id}").json()
    finals = [one["data"] for one in told if one["event"] == "utterance" and one["data"]["final"]]
    assert [(one["index"], one["text"]) for one in finals] == [
        (one["index"], one["text"]) for one in whole["utterances"]
    ]
    assert [one["data"]["text"] for one in told if one["event"] == "translation"] == [
        one["translations"]["fa"] for one in whole["utterances"]
    ]


def test_after_the_end_nobody_is_to_come_again(client: httpx.Client, done_id: str) -> None:
    told = list(heard(client, done_id))
    assert told[-1]["id"] == told[-2]["id"]
    headers = {"Last-Event-ID": told[-1]["id"]}
    assert client.get(f"/recordings/{done_id}/events", headers=headers).status_code == 204
    rest = list(heard(client, done_id, told[1]["id"]))
    assert rest == told[2:]
    for nonsense in ("x", "done", "done.1.2.3", "a" * 500):
        answer = client.get(f"/recordings/{done_id}/events", headers={"Last-Event-ID": nonsense})
        assert answer.status_code == 200
    told_error(client.get("/recordings/nobody-000000000000/events"), 404, "not_found")


def test_what_another_process_does_is_told_as_it_is_done(
    make_gateway: Callable[..., Gateway], samples: Path, tmp_path: Path
) -> None:
    gateway = make_gateway()
    talk = _longer(samples / "phrases-2.wav", tmp_path / "talk.wav", times=8)
    file_id = gateway.pipeline.register(talk).recording_id
    environment = {
        "ASR_PIPELINE_DATA_DIR": str(gateway.settings.data_dir),
        "ASR_PIPELINE_SPAN_TARGET_S": "1",
        "ASR_PIPELINE_WORKERS": "1",
    }
    command = [sys.executable, "-m", "asr_pipeline", "process", str(talk), "--format", "txt"]
    with served(gateway) as client:
        told: list[dict[str, Any]] = []
        with closing(heard(client, file_id)) as first:
            told.append(next(first))
            assert told[0]["data"]["status"] == "queued"
            with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:
                for event in first:
                    told.append(event)
                    if sum(one["event"] == "utterance" for one in told) == 3:
                        break
                first.close()  # the client goes in the middle, and comes again
                while told[-1]["event"] != "end":
                    with closing(heard(client, file_id, told[-1]["id"])) as again:
                        for number, event in enumerate(again):
                            told.append(event)
                            if number == 20:
                                break
                assert process.wait(120) == 0
        states = [one["data"]["status"] for one in told if one["event"] == "state"]
        assert states == ["queued", "transcribing", "translating", "done"]
        spoken = [one["data"] for one in told if one["event"] == "utterance"]
        partial = [one for one in spoken if not one["final"]]
        finals = [one for one in spoken if one["final"]]
        assert len(partial) >= 3
        assert [one["index"] for one in partial] == list(range(len(partial)))
        assert [(one["text"], one["start_s"]) for one in partial] == [
            (one["text"], one["start_s"]) for one in finals[: len(partial)]
        ]
        whole = client.get(f"/recordings/{file_id}").json()["utterances"]
        assert [one["text"] for one in finals] == [one["text"] for one in whole]
        sentences = [one["data"]["text"] for one in told if one["event"] == "translation"]
        assert sentences == [one["translations"]["fa"] for one in whole]
        ids = [one["id"] for one in told[:-1]]
        assert len(set(ids)) == len(ids)


def test_a_failure_is_told_with_its_reason(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway(max_duration_s=2)
    file_id = gateway.pipeline.register(samples / "phrases-1.wav").recording_id
    with served(gateway) as client:
        gateway.lane.submit(file_id)
        told = list(heard(client, file_id))
    assert told[-2]["data"]["status"] == "failed"
    assert "2" in told[-2]["data"]["reason"]


def test_there_is_a_heartbeat_a_bound_and_an_end_for_who_has_gone(
    make_gateway: Callable[..., Gateway], samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.3)
    gateway = make_gateway(event_streams_max=2)
    file_id = gateway.pipeline.register(samples / "phrases-1.wav").recording_id
    address = f"/recordings/{file_id}/events"
    with served(gateway) as client:
        with client.stream("GET", address) as first, client.stream("GET", address):
            lines = first.iter_lines()
            assert next(lines) == "retry: 2000"
            assert ": still here" in [next(lines) for _ in range(8)]
            told_error(client.get(address), 503, "busy")

        def is_free() -> bool:
            with client.stream("GET", address) as answer:
                return answer.status_code == 200

        wait_until(is_free, "the places of those who have gone are free")


def test_a_gateway_that_stops_ends_its_streams(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    file_id = gateway.pipeline.register(samples / "phrases-1.wav").recording_id
    with ThreadPoolExecutor(1) as thread, httpx.Client(trust_env=False, timeout=60) as own, ExitStack() as stack:
        with served(gateway) as client:
            address = client.base_url.join(f"/recordings/{file_id}/events")
            lines = stack.enter_context(own.stream("GET", address)).iter_lines()
            assert next(lines) == "retry: 2000"
            rest = thread.submit(lambda: [line for line in lines if line.startswith("event")])
        assert rest.result() == ["event: state"]


def test_what_is_erased_meanwhile_ends(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    file_id = gateway.pipeline.register(samples / "phrases-1.wav").recording_id
    assert Stage.RAW_AUDIO not in gateway.pipeline.store.stages_done([file_id])[file_id]
    with served(gateway) as client, closing(heard(client, file_id)) as told:
        assert next(told)["data"]["status"] == "queued"
        assert client.delete(f"/recordings/{file_id}").status_code == 204
        assert [one["event"] for one in told] == ["state", "end"]


def _longer(source: Path, target: Path, times: int) -> Path:
    """Write a recording several times over."""
    with wave.open(str(source)) as given, wave.open(str(target), "wb") as made:
        made.setparams(given.getparams())
        frames = given.readframes(given.getnframes())
        for _ in range(times):
            made.writeframes(frames)
    return target
