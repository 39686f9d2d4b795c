"""Corrections over real HTTP: revisions, translations that follow, subtitles, search, and who comes second."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.defs.reconcile import compare
from asr_pipeline.domain.glossary import glossary_entry
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.glossary import SqlGlossary
from asr_pipeline.storage.tables import corrections, utterances, words
from asr_pipeline_tests.api.serving import served, told_error, translated, upload, wait_until
from asr_pipeline_tests.fakes import FakeListener

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
INDEX = 0


@pytest.fixture
def house(make_gateway: Callable[..., Gateway], samples: Path) -> Iterator[tuple[Gateway, httpx.Client, str]]:
    """Give a gateway with one recording that is done."""
    gateway = make_gateway()
    with served(gateway) as client:
        file_id = upload(client, samples / "phrases-1.wav").json()["file_id"]
        assert translated(client, file_id)["status"] == "done"
        yield gateway, client, file_id


def utterance(client: httpx.Client, file_id: str, index: int = INDEX) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/recordings/{file_id}").json()["utterances"][index]
    return found


def correct(client: httpx.Client, address: str, text: str, **headers: str) -> httpx.Response:
    return client.patch(address, json={"text": text}, headers=headers)


def subtitles(client: httpx.Client, file_id: str, lang: str) -> str:
    return " ".join(client.get(f"/recordings/{file_id}/subtitles.srt", params={"lang": lang}).text.split())


def test_a_corrected_sentence_is_shown_everywhere_and_translated_anew(
    house: tuple[Gateway, httpx.Client, str],
) -> None:
    gateway, client, file_id = house
    before = utterance(client, file_id)
    address = f"/recordings/{file_id}/utterances/{INDEX}"
    answer = correct(client, address, "the blue train is very late")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    after = utterance(client, file_id)
    assert body["text"] == after["text"] == "the blue train is very late"
    assert body["translations"] == after["translations"] != before["translations"]
    assert "قطار" in after["translations"]["fa"]
    assert (after["start_s"], after["end_s"]) == (before["start_s"], before["end_s"])
    assert after["corrected"] == ["en"]
    assert "The blue train is very late" in subtitles(client, file_id, "en")
    assert after["translations"]["fa"][:12] in subtitles(client, file_id, "fa").replace("\u2067", "")
    assert client.get("/search/", params={"q": "blue train late"}).json()["hits"][0]["recording_id"] == file_id
    assert client.get("/search/", params={"q": "قطار"}).json()["hits"]
    told = client.get(f"{address}/revisions")
    assert told.headers["etag"] == answer.headers["etag"] == f'"{body["version"]}"'
    [revision] = told.json()["revisions"]
    assert (revision["old_text"], revision["new_text"], revision["applied"]) == (before["text"], body["text"], True)
    assert revision["recognised"] == before["text"]
    with reading(gateway.pipeline.database) as connection:  # what was recognised stays
        recognised = connection.execute(sa.select(utterances.c.text).order_by(utterances.c.utterance_index)).scalar()
        first = connection.execute(sa.select(words.c.text).where(words.c.utterance_index == INDEX)).scalars().all()
    assert recognised == before["text"] == " ".join(first)
    assert list(gateway.pipeline.verify(deep=True).findings) == []
    assert list(compare(gateway.instance, gateway.pipeline.database, at_work=False)) == []
    assert gateway.pipeline.stale() == []


def test_what_a_person_translated_stays(house: tuple[Gateway, httpx.Client, str]) -> None:
    gateway, client, file_id = house
    address = f"/recordings/{file_id}/translations/fa/{INDEX}"
    assert correct(client, address, "ترجمهٔ من").json()["text"] == "ترجمهٔ من"
    assert correct(client, f"/recordings/{file_id}/utterances/{INDEX}", "a train").status_code == 200
    assert utterance(client, file_id)["translations"]["fa"] == "ترجمهٔ من"
    assert "ترجمهٔ من" in subtitles(client, file_id, "fa")
    _run_again(gateway, file_id, {Stage.TRANSLATIONS, Stage.SUBTITLES})
    assert utterance(client, file_id)["translations"]["fa"] == "ترجمهٔ من"
    assert "ترجمهٔ من" in subtitles(client, file_id, "fa")


def test_corrections_outlive_a_new_transcript_of_the_same_words(house: tuple[Gateway, httpx.Client, str]) -> None:
    gateway, client, file_id = house
    address = f"/recordings/{file_id}/utterances/{INDEX}"
    correct(client, address, "the blue train")
    _run_again(gateway, file_id, set(Stage))
    after = utterance(client, file_id)
    assert after["text"] == "the blue train"
    assert "قطار" in after["translations"]["fa"]
    assert "The blue train" in subtitles(client, file_id, "en")
    with gateway.pipeline.database.begin() as connection:  # as if the recognizer had heard other words before
        connection.execute(sa.update(corrections).values(recognised="something else"))
    _run_again(gateway, file_id, set(Stage))
    assert utterance(client, file_id)["text"] != "the blue train"
    [revision] = client.get(f"{address}/revisions").json()["revisions"]
    assert not revision["applied"]


def test_the_glossary_is_used_and_makes_nothing_stale(house: tuple[Gateway, httpx.Client, str]) -> None:
    gateway, client, file_id = house
    SqlGlossary(gateway.pipeline.database).put([glossary_entry("teacher", "آموزگار", "fa")], "en", "fa")
    answer = correct(client, f"/recordings/{file_id}/utterances/{INDEX}", "the teacher is late")
    assert "آموزگار" in answer.json()["translations"]["fa"]
    assert gateway.pipeline.stale() == []


def test_who_saw_another_text_is_told(house: tuple[Gateway, httpx.Client, str]) -> None:
    _, client, file_id = house
    address = f"/recordings/{file_id}/utterances/{INDEX}"
    seen = client.get(f"{address}/revisions").headers["etag"]
    assert correct(client, address, "first", **{"If-Match": seen}).status_code == 200
    told_error(correct(client, address, "second", **{"If-Match": seen}), 412, "precondition_failed")
    told_error(correct(client, address, "second", **{"If-Match": "nonsense"}), 412, "precondition_failed")
    assert correct(client, address, "third", **{"If-Match": "*"}).status_code == 200
    assert [one["new_text"] for one in client.get(f"{address}/revisions").json()["revisions"]] == ["first", "third"]
    assert correct(client, address, "third").status_code == 200  # nothing to change is no revision
    assert len(client.get(f"{address}/revisions").json()["revisions"]) == 2


def test_of_many_at_once_one_is_first(house: tuple[Gateway, httpx.Client, str]) -> None:
    _, client, file_id = house
    address = f"/recordings/{file_id}/utterances/{INDEX}"
    seen = client.get(f"{address}/revisions").headers["etag"]
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda n: correct(client, address, f"text {n}", **{"If-Match": seen}), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    assert len(client.get(f"{address}/revisions").json()["revisions"]) == 1


def test_what_is_in_work_is_not_corrected(house: tuple[Gateway, httpx.Client, str]) -> None:
    gateway, client, file_id = house
    recording, claim = gateway.pipeline.store.recording(file_id), None
    while claim is None:  # its run ends a moment after it is done
        claim = gateway.pipeline.claims.claim(recording)
    told_error(correct(client, f"/recordings/{file_id}/utterances/0", "text"), 409, "conflict")
    claim.release()


def test_erasing_takes_corrections_along(house: tuple[Gateway, httpx.Client, str]) -> None:
    gateway, client, file_id = house
    correct(client, f"/recordings/{file_id}/utterances/0", "a secret train")
    assert client.get("/search/", params={"q": "secret"}).json()["hits"]
    wait_until(lambda: client.delete(f"/recordings/{file_id}").status_code == 204, "its run has ended")
    with reading(gateway.pipeline.database) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(corrections)).scalar_one() == 0
    assert client.get("/search/", params={"q": "secret"}).json()["hits"] == []
    told_error(correct(client, f"/recordings/{file_id}/utterances/0", "text"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("utterances/9999", '{"text": "x"}', (404, "not_found")),
        ("utterances/-1", '{"text": "x"}', (422, "request_invalid")),
        ("utterances/99999999999999999999", '{"text": "x"}', (422, "request_invalid")),
        ("utterances/0", '{"text": " "}', (422, "request_invalid")),
        ("utterances/0", '{"text": "\\ud800x"}', (422, "request_invalid")),
        ("utterances/0", '{"text": "a\\u0000b"}', (422, "request_invalid")),
        ("utterances/0", '{"text": 1}', (422, "request_invalid")),
        ("utterances/0", "{", (422, "request_invalid")),
        ("translations/de/0", '{"text": "x"}', (404, "not_found")),
        ("translations/en/0", '{"text": "x"}', (404, "not_found")),
    ],
)
def test_what_can_not_be_corrected(
    client: httpx.Client, done_id: str, path: str, body: str, expected: tuple[int, str]
) -> None:
    headers = {"Content-Type": "application/json"}
    told_error(client.patch(f"/recordings/{done_id}/{path}", content=body, headers=headers), *expected)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(
    text=st.text(max_size=40), tag=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
)
def test_no_text_is_a_fault(
    house: tuple[Gateway, httpx.Client, str],  # not the shared one: what is taken stays
    text: str,
    tag: str | None,
) -> None:
    _, client, file_id = house
    headers = {} if tag is None else {"If-Match": tag}
    answer = client.patch(f"/recordings/{file_id}/utterances/1", json={"text": text}, headers=headers)
    assert answer.status_code in {200, 412, 422}


def _run_again(gateway: Gateway, file_id: str, stages: set[Stage]) -> None:
    """Compute stages anew, as materialising them does."""
    flow = gateway.pipeline.flow(FakeListener(), RunContext("again", "again"))
    assert flow.run([file_id], stages).failed == {}
