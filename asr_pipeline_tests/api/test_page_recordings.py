"""The page of recordings in a real browser: files are dropped in, and are seen on their way."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.recording import Recording
from asr_pipeline_tests.api.browser import opened
from asr_pipeline_tests.api.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

DROP = """(place, files) => {
    const transfer = new DataTransfer();
    for (const [name, content] of files) {
        const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
        transfer.items.add(new File([bytes], name));
    }
    for (const kind of ["dragenter", "dragover", "drop"])
        place.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""
NOTE_STATES = """() => {
    globalThis.seen = [];
    new MutationObserver(() => {
        for (const step of document.querySelectorAll(".recordings [aria-current]"))
            if (!seen.includes(step.textContent)) seen.push(step.textContent);
    }).observe(document.body, { childList: true, subtree: true });
}"""


def drop(page: Page, *files: Path) -> None:
    content = [(file.name, base64.b64encode(file.read_bytes()).decode()) for file in files]
    page.locator("#drop").evaluate(DROP, content)


def test_files_that_are_dropped_move_through_the_stages_to_their_words(
    browser: Browser, make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    names = [f"phrases-{number}.wav" for number in (1, 2, 3)]
    with served(make_gateway()) as client, opened(browser, str(client.base_url)) as page:
        page.goto("/")
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        page.evaluate(NOTE_STATES)
        drop(page, *(samples / name for name in names))
        expect(page.locator(".upload.taken")).to_have_count(3)
        expect(page.locator(".stage-end.done")).to_have_count(3)
        seen = page.evaluate("seen")
        assert seen  # how many of them depends on the machine
        assert set(seen) <= {"queued", "transcribing", "translating"}
        assert sorted(page.locator(".recording-name").all_inner_texts()) == names

        page.get_by_role("link", name="phrases-1.wav").click()
        expect(page.locator("#utterances .word").first).to_have_text("the")
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.locator(".word.lit")).to_be_visible()


def test_what_is_no_audio_is_refused_with_why(page: Page) -> None:
    page.goto("/")
    page.set_input_files("#files", {"name": "tale.txt", "mimeType": "text/plain", "buffer": b"Once upon a time"})
    expect(page.locator(".upload.refused")).to_contain_text("tale.txt: expected")
    page.get_by_role("button", name="Dismiss: tale.txt").click()
    expect(page.locator(".upload")).to_have_count(0)


def test_a_busy_gateway_is_asked_again(page: Page, samples: Path) -> None:
    answers = []

    def busy_once(route: Route) -> None:
        answers.append(route)
        if len(answers) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": {"message": "Too much to do."}})
        else:
            route.continue_()

    page.route("**/upload/", busy_once)
    page.goto("/")
    page.set_input_files("#files", samples / "phrases-1.wav")
    expect(page.locator(".upload")).to_contain_text("sent again in 1 s")
    expect(page.locator(".upload.taken")).to_have_count(1)


def test_an_upload_whose_way_breaks_can_be_sent_again(page: Page, samples: Path) -> None:
    page.goto("/")
    page.route("**/upload/", lambda route: route.abort())
    page.set_input_files("#files", samples / "phrases-1.wav")
    expect(page.locator(".upload.refused")).to_contain_text("can't be reached")
    page.unroute("**/upload/")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".upload.taken")).to_have_count(1)


def test_the_same_file_again_is_told(page: Page, samples: Path, done_id: str) -> None:
    page.goto("/")
    page.set_input_files("#files", samples / "phrases-1.wav")
    expect(page.get_by_role("link", name="was here already")).to_have_attribute("href", f"/r/{done_id}")


@pytest.mark.parametrize(
    "name",
    [
        "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>.wav",
        "safe\u202evaw.exe",
        "é" * 125 + ".wav",
        "دوربین خراب.wav",
        "' \"&amp;.wav",
    ],
)
def test_a_hostile_name_is_text_and_breaks_no_layout(
    browser: Browser, make_gateway: Callable[..., Gateway], name: str
) -> None:
    gateway = make_gateway()
    one = Recording("hostile-000000000000", "0" * 64, 1, name, "originals/none")
    gateway.pipeline.store.register([one], [Arrival("/x", 1, 1, Way.IMPORT, Outcome.ACCEPTED, one.recording_id)])
    shown = name.replace("\u202e", "\ufffd")
    with served(gateway) as client, opened(browser, str(client.base_url)) as page:
        for path, place in (("/", ".recording-name"), (f"/r/{one.recording_id}", "#name")):
            page.set_viewport_size({"width": 360, "height": 700})
            page.goto(path)
            expect(page.locator(place)).to_have_text(shown)
            assert page.title() != "owned"
            assert page.locator("main script, main img").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.goto("/")
        page.set_input_files("#files", {"name": name, "mimeType": "audio/wav", "buffer": b"no sound"})
        expect(page.locator(".upload-name")).to_have_text(shown)
        expect(page.locator(".upload.refused")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_pages_go_from_the_newest_to_the_oldest_and_back(
    browser: Browser, make_gateway: Callable[..., Gateway]
) -> None:
    gateway = make_gateway()
    ids = [f"r-{number:012x}" for number in range(45)]
    rows = [Recording(one, f"{one:0<64}", 1, f"{one}.wav", f"originals/{one}") for one in ids]
    arrivals = [Arrival(f"/{one}", 1, 1, Way.IMPORT, Outcome.ACCEPTED, one) for one in ids]
    gateway.pipeline.store.register(rows, arrivals)
    with served(gateway) as client, opened(browser, str(client.base_url)) as page:
        page.goto("/")
        names = page.locator(".recording-name")
        seen = []
        for count in (20, 20, 5):
            expect(names).to_have_count(count)
            seen += names.all_inner_texts()
            if count == 20:
                first = names.first.inner_text()
                page.get_by_role("button", name="Older").press("Enter")
                expect(names.first).not_to_have_text(first)
        assert seen == [f"{one}.wav" for one in reversed(ids)]
        expect(page.get_by_role("button", name="Older")).to_be_hidden()
        expect(names.first).to_be_focused()
        page.get_by_role("button", name="Newer").click()
        expect(names).to_have_count(20)
        assert names.all_inner_texts() == seen[20:40]


def test_a_search_leads_to_the_second_at_which_it_was_said(page: Page, client: httpx.Client, done_id: str) -> None:
    if client.get("/search/", params={"q": "sunday"}).status_code == 404:
        pytest.skip("this gateway has no search")
    page.goto("/")
    page.get_by_role("searchbox").fill("sunday")
    page.get_by_role("searchbox").press("Enter")
    page.locator(".hits a").first.click()
    expect(page).to_have_url(re.compile(rf"/r/{done_id}#t=3\.[78]\d*$"))  # where the sentence begins
    expect(page.locator(".utterance[aria-current]")).to_contain_text("sunday")


def test_a_gateway_that_can_not_search_says_so(page: Page) -> None:
    page.route("**/search/?q=*", lambda route: route.fulfill(status=404, json={}))
    page.goto("/?q=garden")
    expect(page.locator("#found")).to_contain_text("can't search yet")
    page.get_by_role("button", name="Back to all recordings").click()
    expect(page.locator("#listed")).to_be_visible()


def test_a_gateway_that_is_away_is_told_and_found_again(page: Page) -> None:
    page.route("**/recordings/?*", lambda route: route.abort())
    page.goto("/")
    expect(page.locator("#trouble")).to_contain_text("can't be reached")
