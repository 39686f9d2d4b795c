"""`GET /translation/`: where a recording stands, in every state, and what is not there."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.stage import Stage
from asr_pipeline_tests.api.serving import served, told_error
from asr_pipeline_tests.storage.samples import results, save

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def test_it_gives_persian_once_it_is_done(client: httpx.Client, done_id: str) -> None:
    told = client.get("/translation/", params={"file_id": done_id}).json()
    assert told.keys() == {"file_id", "status", "language", "translation"}
    assert (told["file_id"], told["status"], told["language"]) == (done_id, "done", "fa")
    assert told["translation"].startswith("دوربین باغ")


def test_each_stage_is_told(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    store = gateway.pipeline.store
    with served(gateway) as client:
        told_error(client.get("/translation/"), 404, "not_found")  # nothing was uploaded yet
        file_id = gateway.pipeline.register(samples / "phrases-1.wav", Way.UPLOAD).recording_id
        seen = [client.get("/translation/").json()]
        found = results(file_id, utterances=2, words=2)
        for stage in Stage:
            save(store, stage, file_id, found)
            seen.append(client.get("/translation/").json())
    assert [one["status"] for one in seen] == [
        "queued",
        "transcribing",
        "transcribing",
        "translating",
        "translating",
        "done",
    ]
    assert [one["file_id"] for one in seen] == [file_id] * 6
    assert ["translation" in one for one in seen] == [False] * 5 + [True]


@pytest.mark.parametrize("file_id", ["nobody-000000000000", "", "a\x00b", "../x", "ü" * 500, "%ff"])
def test_what_is_no_recording_is_not_found(client: httpx.Client, file_id: str) -> None:
    told_error(client.get("/translation/", params={"file_id": file_id}), 404, "not_found")


def test_a_language_that_it_was_not_translated_into_is_not_found(client: httpx.Client, done_id: str) -> None:
    answer = client.get("/translation/", params={"file_id": done_id, "language": "de"})
    assert told_error(answer, 404, "not_found")["expected"] == "one into fa"
    answer = client.get("/translation/", params={"file_id": done_id, "language": "DE"})
    told_error(answer, 422, "request_invalid")
