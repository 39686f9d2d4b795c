"""`GET /search/` over real HTTP, on both databases: hits with times, pages, and no query that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.api.gateway import Gateway
from asr_pipeline_tests.api.serving import served, told_error, translated, upload

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
ODD = st.lists(st.sampled_from(['"', "*", "OR", "NEAR(", "a", ":", "&", "|", "!", "'", "\u200c", "\\", "\x00"]))


def search(client: httpx.Client, **query: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever a caller sends
    answer = client.get("/search/", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_was_said_is_found_in_both_languages(client: httpx.Client, done_id: str) -> None:
    english = [hit for hit in search(client, q="Camera", lang="en")["hits"] if hit["recording_id"] == done_id]
    utterances = client.get(f"/recordings/{done_id}").json()["utterances"]
    for hit in english:
        spoken = utterances[hit["utterance_index"]]
        assert (hit["start_s"], hit["end_s"], hit["snippet"]) == (spoken["start_s"], spoken["end_s"], spoken["text"])
        assert {hit["snippet"][low:high] for low, high in hit["marks"]} <= {"camera", "cameras"}
    assert english
    persian = search(client, q="دوربین")["hits"]
    assert {(hit["language"], hit["utterance_index"]) for hit in persian} >= {("fa", english[0]["utterance_index"])}


def test_a_page_goes_on_where_the_last_ended(client: httpx.Client, done_id: str) -> None:
    whole = search(client, q="the")["hits"]
    assert done_id in {hit["recording_id"] for hit in whole}
    seen: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while len(seen) <= len(whole):
        page = search(client, q="the", limit=1, **more)
        seen += page["hits"]
        if page["next_cursor"] is None:
            break
        more = {"cursor": page["next_cursor"]}
    assert seen == whole


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        "q=" + "a" * 201,
        "q=a&limit=0",
        "q=a&limit=201",
        "q=a&lang=EN",
        "q=a&cursor=1",
        "q=a&cursor=%D9%A1.1.fa",
    ],
)
def test_what_can_not_be_asked_is_refused(client: httpx.Client, query: str) -> None:
    told_error(client.get(f"/search/?{query}"), 422, "request_invalid")


def quoted(text: str) -> str:
    """Give a text for an address, also one that is no UTF-8."""
    return quote(text.encode("utf-8", "surrogatepass"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=st.text(max_size=60) | ODD.map("".join), cursor=st.none() | st.text(max_size=12))
def test_no_query_is_a_fault(client: httpx.Client, query: str, cursor: str | None) -> None:
    raw = query.encode("utf-8", "surrogatepass")
    params: dict[str, str | bytes] = (
        {"q": raw} if cursor is None else {"q": raw, "cursor": cursor.encode("utf-8", "surrogatepass")}
    )
    assert client.get("/search/", params=params).status_code in {200, 422}


@pytest.mark.database
def test_on_either_database(database_url: str, make_gateway: Callable[..., Gateway], samples: Path) -> None:
    with served(make_gateway(database_url=database_url)) as client:
        file_id = upload(client, samples / "phrases-1.wav").json()["file_id"]
        assert translated(client, file_id)["status"] == "done"
        assert search(client, q="camera")["hits"]
        assert search(client, q="دوربین", lang="fa")["hits"]

        @settings(max_examples=100)
        @given(query=st.text(max_size=60) | ODD.map("".join))
        def any_query(query: str) -> None:
            assert client.get(f"/search/?q={quoted(query)}").status_code in {200, 422}

        any_query()
