"""Notes over real HTTP: made, listed, edited, translated by the real engine, and never stale."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.note import NoteDraft
from asr_pipeline.ports import EngineVersion
from asr_pipeline_tests.api.serving import served, told_error, translated, upload, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

NOTES = "/api/v1/notes/"
ENGLISH = "The camera in the garden is broken.\n\n- Our teacher has a fever."
PERSIAN = "دوربین باغ خراب است.\n\n- معلممان تب دارد."


def made(client: httpx.Client, text: str = ENGLISH, **more: object) -> dict[str, Any]:
    answer = client.post(NOTES, json={"title": "A note", "original_text": text, **more})
    assert answer.status_code == 201, answer.text
    note: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{NOTES}{note['id']}/"
    return note


def read(client: httpx.Client, note: dict[str, Any]) -> dict[str, Any]:
    answer = client.get(f"{NOTES}{note['id']}/")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ask(client: httpx.Client, note: dict[str, Any], language: str = "fa") -> httpx.Response:
    return client.post(f"{NOTES}{note['id']}/translate/", json={"target_language": language})


def translation(client: httpx.Client, note: dict[str, Any], language: str = "fa") -> dict[str, Any]:
    """Wait for the end of a translation."""
    ended: list[dict[str, Any]] = []

    def is_at_its_end() -> bool:
        ended[:] = [one for one in read(client, note)["translations"] if one["language"] == language]
        return bool(ended) and ended[0]["status"] in {"done", "failed"}

    wait_until(is_at_its_end, f"the translation into {language}")
    return ended[0]


def test_a_note_is_made_and_read_as_it_was_written(client: httpx.Client) -> None:
    note = made(client, "one\n\nدو 🙂")
    assert read(client, note) == note
    assert (note["title"], note["original_text"], note["original_language"]) == ("A note", "one\n\nدو 🙂", "en")
    assert (note["version"], note["translations"]) == (1, [])


def test_a_note_is_translated_in_the_background_and_then_given_at_once(client: httpx.Client, gateway: Gateway) -> None:
    note = made(client)
    asked = ask(client, note)
    assert asked.status_code == 202
    assert (asked.json()["language"], asked.json()["status"], asked.json()["text"]) == ("fa", "pending", None)
    done = translation(client, note)
    assert (done["status"], done["text"], done["reason"]) == ("done", PERSIAN, None)
    assert done["model"].startswith("translate-en_fa")
    again = ask(client, note)
    assert (again.status_code, again.json()) == (200, done)
    assert note["id"] in gateway.instance.get_dynamic_partitions("notes")


def test_an_edit_of_the_text_outdates_and_asking_again_translates_the_new_text(client: httpx.Client) -> None:
    note = made(client)
    ask(client, note)
    translation(client, note)
    renamed = client.patch(f"{NOTES}{note['id']}/", json={"title": " Another "}).json()
    assert (renamed["version"], renamed["title"]) == (2, "Another")
    assert renamed["translations"][0]["text"] == PERSIAN
    text = "Has she done the shopping yet?"
    edited = client.patch(f"{NOTES}{note['id']}/", json={"original_text": text, "version": 2})
    assert edited.status_code == 200
    assert read(client, note) == edited.json()
    assert [(one["status"], one["text"]) for one in edited.json()["translations"]] == [("outdated", None)]
    assert ask(client, note).status_code == 202
    assert translation(client, note)["text"] == "آیا او تا حالا خرید کرده است؟"


def test_an_edit_of_another_version_is_a_conflict(client: httpx.Client) -> None:
    note = made(client)
    error = told_error(client.patch(f"{NOTES}{note['id']}/", json={"title": "x", "version": 2}), 409, "conflict")
    assert error["found"] == "version 1"
    assert read(client, note) == note


@pytest.mark.parametrize(
    ("language", "said"),
    [("de", "a pair that there is a model for: en to fa"), ("en", "another language than the note's own")],
)
def test_a_pair_that_nothing_translates_is_refused_with_those_there_are(
    client: httpx.Client, language: str, said: str
) -> None:
    note = made(client)
    assert told_error(ask(client, note, language), 422, "request_invalid")["expected"] == said
    assert read(client, note)["translations"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "t"},
        {"title": "t", "original_text": ""},
        {"title": "t", "original_text": " \n"},
        {"title": "", "original_text": "x"},
        {"title": "a\nb", "original_text": "x"},
        {"title": "t" * 201, "original_text": "x"},
        {"title": "t", "original_text": "x" * 20_001},
        {"title": "t", "original_text": "x\x00"},
        {"title": "t", "original_text": "x", "original_language": "English"},
        {"title": "t", "original_text": "x", "more": 1},
        {"title": 1, "original_text": "x"},
        {"title": "t", "original_text": ["x"]},
    ],
)
def test_what_is_no_note_is_refused(client: httpx.Client, body: dict[str, object]) -> None:
    before = client.get(NOTES).json()["count"]
    answer = client.post(NOTES, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["remedy"]
    assert client.get(NOTES).json()["count"] == before


@pytest.mark.parametrize("content", [b"", b"{", b'"\xff"', b'{"title": "\\ud800", "original_text": "x"}', b"[" * 9999])
def test_what_is_no_json_is_refused(client: httpx.Client, content: bytes) -> None:
    answer = client.post(NOTES, content=content, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["code"]


def test_what_is_not_there_is_not_found(client: httpx.Client) -> None:
    nowhere = f"{NOTES}{'0' * 16}/"
    told_error(client.get(nowhere), 404, "not_found")
    told_error(client.patch(nowhere, json={"title": "x"}), 404, "not_found")
    told_error(client.delete(nowhere), 404, "not_found")
    told_error(client.post(f"{nowhere}translate/", json={"target_language": "fa"}), 404, "not_found")
    for strange in ("x", "..%2f..", "%00", "0" * 300):
        assert client.get(f"{NOTES}{strange}/").status_code in {404, 422}


def test_a_deleted_note_is_gone_from_everywhere(client: httpx.Client, gateway: Gateway) -> None:
    note = made(client)
    ask(client, note)
    translation(client, note)
    answer = client.delete(f"{NOTES}{note['id']}/")
    assert (answer.status_code, answer.content) == (204, b"")
    told_error(client.get(f"{NOTES}{note['id']}/"), 404, "not_found")
    assert note["id"] not in gateway.instance.get_dynamic_partitions("notes")


def test_lists_are_paged_and_filtered(make_gateway: Callable[..., Gateway]) -> None:
    with served(make_gateway()) as client:
        ids = [made(client, f"Number {number}.")["id"] for number in range(5)]
        persian = made(client, "باغ 100%", original_language="fa")
        seen, address = [], f"{NOTES}?limit=2&language=en"
        while address:
            page = client.get(address).json()
            assert set(page) == {"count", "next", "results"}
            assert page["count"] == 5
            seen += [note["id"] for note in page["results"]]
            address = page["next"]
        assert seen == ids[::-1]
        assert client.get(NOTES, params={"text": "100%"}).json()["results"] == [persian]
        assert client.get(NOTES, params={"text": "number 3"}).json()["count"] == 1
        assert client.get(NOTES, params={"status": "done"}).json() == {"count": 0, "next": None, "results": []}
        for wrong in ("limit=0", "limit=101", "cursor=0", f"cursor={2**63}", "status=x", "language=EN", "more=1"):
            assert client.get(f"{NOTES}?{wrong}").status_code == 422, wrong


def test_who_has_the_newest_is_told_so(client: httpx.Client) -> None:
    note = made(client)
    address = f"{NOTES}{note['id']}/"
    first = client.get(address)
    assert client.get(address, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    client.patch(address, json={"title": "Another"})
    second = client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.json()["title"]) == (200, "Another")


def test_two_gateways_never_show_what_the_other_has_changed(
    client: httpx.Client, make_gateway: Callable[..., Gateway], gateway: Gateway
) -> None:
    """What one has answered, the other shows from then on: edits, translations, deletions."""
    url = gateway.pipeline.database.url.render_as_string(hide_password=False)
    with served(make_gateway(database_url=url)) as other:
        note = made(client)
        assert read(other, note) == read(client, note)
        for number in range(20):
            writer, reader = (client, other) if number % 2 else (other, client)
            answer = writer.patch(f"{NOTES}{note['id']}/", json={"title": f"title {number}"})
            assert read(reader, note) == read(writer, note) == answer.json()
        ask(other, note)
        done = translation(client, note)
        assert translation(other, note) == done
        client.delete(f"{NOTES}{note['id']}/")
        assert other.get(f"{NOTES}{note['id']}/").status_code == 404


def test_a_reader_never_sees_an_old_translation_beside_a_new_text(client: httpx.Client, gateway: Gateway) -> None:
    """Readers read while the text is edited and translated again and again."""
    note_id = gateway.pipeline.notes.create(NoteDraft("t", "0")).note_id
    ended = threading.Event()
    version = EngineVersion("engine", "model", "1")

    def write() -> None:
        try:
            for number in range(1, 60):
                gateway.pipeline.notes.ask(note_id, "fa")
                for one in gateway.pipeline.note_work.claim([note_id], "run"):
                    gateway.pipeline.note_work.save(one, f"of {one.text}", version, "run")
                gateway.pipeline.notes.edit(note_id, {"original_text": str(number)})
        finally:
            ended.set()

    def watch() -> int:
        seen = 0
        with httpx.Client(base_url=client.base_url, trust_env=False) as own:
            while not ended.is_set():
                note = read(own, {"id": note_id})
                for one in note["translations"]:
                    if one["text"] is not None:
                        assert one["text"] == f"of {note['original_text']}"
                        seen += 1
        return seen

    with ThreadPoolExecutor(3) as pool:
        watching = [pool.submit(watch) for _ in range(2)]
        pool.submit(write).result()
        for one in watching:
            one.result()


def test_notes_and_recordings_that_come_together_are_all_done(client: httpx.Client, samples: Path) -> None:
    first = upload(client, samples / "phrases-3.wav").json()["file_id"]
    notes = [made(client, f"Our teacher has a fever. There are {number} books.") for number in range(6)]
    for note in notes:
        assert ask(client, note).status_code == 202
    second = upload(client, samples / "phrases-4.wav").json()["file_id"]
    for note in notes:
        assert translation(client, note)["status"] == "done"
    for file_id in (first, second):
        assert translated(client, file_id)["status"] == "done"


def test_the_figures_count_notes_and_recordings(client: httpx.Client, done_id: str) -> None:
    before = client.get("/api/v1/stats/").json()
    note = made(client)
    ask(client, note)
    translation(client, note)
    after = client.get("/api/v1/stats/").json()
    assert after["total_notes"] == before["total_notes"] + 1
    assert after["total_translations"] == before["total_translations"] + 1
    assert after["language_breakdown"]["en"] == before["language_breakdown"]["en"] + 1
    assert after["translations"]["fa"]["done"] == after["total_translations"]
    assert after["notes_by_status"]["done"] >= 1
    assert done_id
    assert after["recordings_by_state"]["done"] >= 1
    assert after["audio_hours"] > 0
    assert after["words"] > 0
    assert 0 < after["mean_confidence"] <= 1
