"""The reading room in a real browser: a recording is heard and read, word by word, in two languages."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.stage import Stage
from asr_pipeline_tests.api.browser import no_answer_of_its_own, opened
from asr_pipeline_tests.api.serving import served, translated, upload, wait_until
from asr_pipeline_tests.storage.samples import results, save

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
LIT = ".word.lit"
NOW_S = "document.getElementById('audio').currentTime"
NOTE_LIT = """() => {
    globalThis.lit = [];
    new MutationObserver(() => {
        const word = document.querySelector(".word.lit")?.textContent;
        if (word && lit.at(-1) !== word) lit.push(word);
    }).observe(document.getElementById("utterances"), { subtree: true, attributes: true, attributeFilter: ["class"] });
}"""


@pytest.fixture
def room(page: Page, done_id: str) -> Page:
    """Open the reading room of a recording that is done."""
    page.goto(f"/r/{done_id}")
    expect(page.locator("#player")).to_be_visible()
    return page


def test_the_words_are_lit_as_they_are_spoken(room: Page) -> None:
    room.evaluate(NOTE_LIT)
    room.get_by_role("button", name="Play", exact=True).click()
    wait_until(lambda: room.evaluate("document.getElementById('audio').ended"), "it has been played")
    spoken = "the camera in the garden is broken please drive to the train station on sunday evening"
    lit = room.evaluate("lit")
    assert [word for word in spoken.split() if word in lit] == spoken.split()
    remaining = iter(spoken.split())
    assert all(word in remaining for word in lit), lit  # in the order in which they are spoken
    expect(room.get_by_role("button", name="Play", exact=True)).to_be_visible()


def test_english_stands_left_and_persian_right_to_left_beside_it(room: Page) -> None:
    said, meant = room.locator(".utterance").first.locator(".side p").all()
    assert (said.get_attribute("lang"), said.get_attribute("dir")) == ("en", "ltr")
    assert (meant.get_attribute("lang"), meant.get_attribute("dir")) == ("fa", "rtl")
    assert said.inner_text().split() == ["the", "camera", "in", "the", "garden", "is", "broken"]
    assert meant.inner_text().startswith("دوربین")
    left, right = room.locator(".utterance").first.locator(".side").all()
    boxes = left.bounding_box(), right.bounding_box()
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert boxes[0]["y"] == boxes[1]["y"]


def test_a_click_on_a_word_goes_to_it(room: Page) -> None:
    room.locator(".word", has_text="sunday").click()
    expect(room.locator(LIT)).to_have_text("sunday")
    assert room.evaluate(NOW_S) == pytest.approx(5.7)


def test_keys_play_and_go(room: Page) -> None:
    room.keyboard.press("Space")
    wait_until(lambda: room.evaluate(NOW_S) > 0.3, "it plays")
    room.keyboard.press("Space")
    assert room.evaluate("document.getElementById('audio').paused")
    room.keyboard.press("ArrowRight")
    assert room.evaluate(NOW_S) > 5
    room.keyboard.press("ArrowLeft")
    assert room.evaluate(NOW_S) < 1
    room.locator(".word", has_text="garden").click()
    room.keyboard.press("Shift+ArrowRight")
    expect(room.locator(LIT)).to_have_text("is")
    room.keyboard.press("Shift+ArrowLeft")
    expect(room.locator(LIT)).to_have_text("garden")


def test_the_waveform_is_a_slider(room: Page) -> None:
    slider = room.get_by_role("slider", name="Position")
    assert len(slider.locator("path.to-come").get_attribute("d") or "") > 1000
    box = slider.bounding_box()
    assert box is not None
    slider.click(position={"x": box["width"] / 2, "y": 10})
    assert room.evaluate(NOW_S) == pytest.approx(7.28 / 2, abs=0.05)
    assert slider.get_attribute("aria-valuetext") == "0:03 of 0:07"
    slider.press("Home")
    assert room.evaluate(NOW_S) == 0
    slider.press("End")
    assert room.evaluate(NOW_S) == pytest.approx(7.28, abs=0.02)


def test_all_is_reached_by_the_tabulator_and_seen_there(room: Page) -> None:
    reached = []
    for _ in range(17):
        room.keyboard.press("Tab")
        reached.append(room.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.id"))
        assert room.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", reached[-1]
    for wanted in ("Position", "play", "Speed", "Play from 0:00", "Correct the English at 0:00"):
        assert wanted in reached


def test_an_address_may_name_a_second(page: Page, done_id: str) -> None:
    page.goto(f"/r/{done_id}#t=5.8")
    expect(page.locator(LIT)).to_have_text("sunday")
    page.goto(f"/r/{done_id}#t=0.8")
    expect(page.locator(LIT)).to_have_text("camera")


def test_words_that_the_recognizer_was_not_sure_of_are_underlined(page: Page, done_id: str) -> None:
    def less_sure(route: Route) -> None:
        whole = route.fetch().json()
        whole["utterances"][0]["words"][1]["confidence"] = 0.41
        route.fulfill(json=whole)

    page.route(f"**/recordings/{done_id}", less_sure)
    page.goto(f"/r/{done_id}")
    unsure = page.locator("#utterances .unsure")
    expect(unsure).to_have_text("camera")
    assert unsure.get_attribute("title") == "The recognizer was 41 % sure"
    assert "underline" in str(unsure.evaluate("(word) => getComputedStyle(word).textDecorationLine"))


def test_subtitles_are_taken_away(room: Page, client: httpx.Client, done_id: str) -> None:
    room.locator("#downloads summary").click()
    links = room.locator("#download-links a")
    assert len(links.all()) == 9
    with room.expect_download() as download:
        room.get_by_role("link", name="Persian, srt").click()
    content = download.value.path().read_bytes()
    assert content == client.get(f"/recordings/{done_id}/subtitles.srt", params={"lang": "fa"}).content


def test_a_correction_is_kept_and_its_translation_follows(
    browser: Browser, make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    with served(make_gateway()) as client, opened(browser, str(client.base_url)) as page:
        recording_id = upload(client, samples / "phrases-1.wav").json()["file_id"]
        assert translated(client, recording_id)["status"] == "done"
        if client.patch(f"/recordings/{recording_id}/utterances/0", json={}).status_code in {404, 405}:
            pytest.skip("this gateway keeps no corrections")
        page.goto(f"/r/{recording_id}")
        page.get_by_role("button", name="Correct the English at 0:00").click()
        page.get_by_role("textbox", name="English sentence").fill("the door in the garden is broken")
        page.get_by_role("textbox", name="English sentence").press("Control+Enter")
        expect(page.locator(".side.said p").first).to_have_text("the door in the garden is broken ")
        expect(page.locator(".side.meant p").first).not_to_contain_text("دوربین")
        expect(
            page.get_by_role("button", name="Correct the English at 0:00, which was corrected before")
        ).to_be_focused()
        page.get_by_role("button", name="Correct the Persian at 0:03").click()
        page.get_by_role("textbox", name="Persian sentence").fill("یکشنبه بروید.")
        page.get_by_role("button", name="Keep").click()
        expect(page.locator(".side.meant p").nth(1)).to_have_text("یکشنبه بروید.")
        page.reload()
        expect(page.locator(".side.meant p").nth(1)).to_have_text("یکشنبه بروید.")


def test_a_correction_that_is_refused_stays_in_its_box(room: Page) -> None:
    keep_corrections(room, [422])
    room.get_by_role("button", name="Correct the English at 0:00").click()
    box = room.get_by_role("textbox", name="English sentence")
    expect(box).to_be_focused()
    box.fill("what I wrote")
    room.keyboard.press("Space")  # plays nothing while one writes
    room.get_by_role("button", name="Keep").click()
    expect(room.locator(".correcting .trouble")).to_have_text("Not so.")
    expect(box).to_have_value("what I wrote ")
    room.keyboard.press("Escape")
    expect(room.locator(".side.said p").first).to_contain_text("the camera")
    expect(room.get_by_role("button", name="Correct the English at 0:00")).to_be_focused()
    assert room.evaluate(NOW_S) == 0


def test_what_somebody_else_corrected_meanwhile_is_not_overwritten_unawares(room: Page) -> None:
    sent = keep_corrections(room, [412, 200])
    room.get_by_role("button", name="Correct the English at 0:00").click()
    room.get_by_role("textbox", name="English sentence").fill("mine")
    room.get_by_role("button", name="Keep").click()
    expect(room.locator(".correcting .trouble")).to_contain_text("meanwhile: “text 1”")
    expect(room.get_by_role("textbox", name="English sentence")).to_have_value("mine")
    room.get_by_role("button", name="Keep").click()
    expect(room.locator(".correcting")).to_have_count(0)
    assert sent == ['"version 0"', '"version 1"']


@pytest.mark.parametrize("status", [404, 405])
def test_a_gateway_that_keeps_no_corrections_says_so(room: Page, status: int) -> None:
    no_answer_of_its_own(room, "**/utterances/0/revisions", status=status)
    room.get_by_role("button", name="Correct the English at 0:00").click()
    expect(room.get_by_role("alert")).to_have_text("This can't be corrected here.")
    expect(room.locator(".correcting")).to_have_count(0)


def test_a_recording_in_work_is_followed_without_events(
    browser: Browser, make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    gateway = make_gateway()
    store = gateway.pipeline.store
    recording_id = gateway.pipeline.register(samples / "phrases-1.wav", Way.UPLOAD).recording_id
    found = results(recording_id, utterances=3, words=4)
    with served(gateway) as client, opened(browser, str(client.base_url)) as page:
        no_answer_of_its_own(page, "**/events")
        page.goto(f"/r/{recording_id}")
        present = page.locator("#stages [aria-current]")
        expect(present).to_have_text("queued")
        save(store, Stage.RAW_AUDIO, recording_id, found)
        expect(present).to_have_text("transcribing")
        save(store, Stage.SEGMENTS, recording_id, found)
        save(store, Stage.TRANSCRIPTS, recording_id, found)
        expect(present).to_have_text("translating")
        expect(page.locator(".utterance")).to_have_count(3)
        expect(page.locator(".side.pending")).to_have_count(3)
        save(store, Stage.TRANSLATIONS, recording_id, found)
        expect(page.locator(".side.meant p").first).to_have_text("متن 0 است.")
        save(store, Stage.SUBTITLES, recording_id, found)
        expect(page.locator("#stages")).to_be_empty()


def test_events_show_each_sentence_as_it_comes(
    browser: Browser, make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    gateway = make_gateway()
    recording_id = gateway.pipeline.register(samples / "phrases-1.wav", Way.UPLOAD).recording_id
    sentences = [sentence(1, 4.0, "second one"), sentence(0, 0.5, "first one")]  # in the order in which they are found
    events = [
        ("state", {"status": "transcribing"}),
        *(("utterance", one) for one in sentences),
        ("state", {"status": "translating"}),
        ("translation", {"utterance_index": 0, "language": "fa", "text": "یک"}),
        ("end", {}),
    ]
    body = "".join(
        f"id: {number}\r\nevent: {name}\r\ndata: {json.dumps(data)}\r\n\r\n"
        for number, (name, data) in enumerate(events)
    )
    with served(gateway) as client, opened(browser, str(client.base_url)) as page:
        page.route(
            "**/events", lambda route: route.fulfill(content_type="text/event-stream", body=f": hello\n\n{body}")
        )
        first = client.get(f"/recordings/{recording_id}").json()
        asked: list[Route] = []

        def only_once(route: Route) -> None:  # what is shown after that comes from events alone
            asked.append(route)
            if len(asked) == 1:
                route.fulfill(json=first)

        page.route(f"**/recordings/{recording_id}", only_once)
        page.goto(f"/r/{recording_id}")
        expect(page.locator(".side.said p")).to_have_text(["first one ", "second one "])
        expect(page.locator(".side.meant p")).to_have_text(["یک"])
        expect(page.locator("#stages [aria-current]")).to_have_text("translating")


def test_a_recording_that_failed_says_why(page: Page, done_id: str) -> None:
    def failed(route: Route) -> None:
        changed: dict[str, Any] = {
            "status": "failed",
            "reason": "no sound in it",
            "utterances": [],
            "word_count": None,
            "subtitles": [],
        }
        route.fulfill(json=route.fetch().json() | changed)

    page.route(f"**/recordings/{done_id}", failed)
    page.goto(f"/r/{done_id}")
    expect(page.get_by_role("alert")).to_have_text("no sound in it")
    expect(page.locator("#reading")).to_be_hidden()


def test_a_recording_that_is_not_there_says_so(page: Page) -> None:
    page.goto("/r/nobody-000000000000")
    expect(page.get_by_role("alert")).to_contain_text("recording nobody-000000000000: expected")


def sentence(index: int, start_s: float, text: str) -> dict[str, Any]:
    words = [
        {"text": word, "start_s": start_s + place, "end_s": start_s + place + 0.5, "confidence": 0.9}
        for place, word in enumerate(text.split())
    ]
    return {"index": index, "channel": 0, "start_s": start_s, "end_s": start_s + 2, "text": text, "words": words}


def keep_corrections(page: Page, statuses: list[int]) -> list[str]:
    """Answer corrections of the first sentence with these, one after another; give the list of their If-Match."""
    sent: list[str] = []

    def answer(route: Route) -> None:
        sent.append(route.request.headers["if-match"])
        route.fulfill(status=statuses[len(sent) - 1], json={"error": {"message": "Not so."}})

    page.route("**/utterances/0", answer)
    page.route(
        "**/utterances/0/revisions",
        lambda route: route.fulfill(json={"text": f"text {len(sent)}", "version": f"version {len(sent)}"}),
    )
    return sent
