"""axe finds no serious fault on any page, light and dark, on a desk and on a phone; nothing is wider than a phone."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from asr_pipeline_tests.api.browser import DESKTOP, PHONE, opened

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
FAULTS = {"serious", "critical"}
LOOKS = {
    f"{scheme} {device}": {"viewport": viewport, "color_scheme": scheme}
    for scheme in ("light", "dark")
    for device, viewport in (("desk", DESKTOP), ("phone", PHONE))
}
NOTE = {
    "id": "0123456789abcdef",
    "title": "Garden",
    "original_text": "The camera in the garden is broken.",
    "original_language": "en",
    "version": 1,
    "translations": [
        {"language": "fa", "status": "done", "text": "دوربین باغ خراب است.", "reason": None},
        {"language": "de", "status": "failed", "text": None, "reason": "no model for it"},
    ],
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_no_page_keeps_anyone_out(
    browser: Browser, client: httpx.Client, done_id: str, tmp_path: Path, look: dict[str, Any]
) -> None:
    with opened(browser, str(client.base_url), **look) as page:
        for name, show in PAGES.items():
            show(page, done_id)
            page.screenshot(path=tmp_path / f"{name}.png", full_page=True, animations="disabled")
            found = Axe().run(page).response["violations"]
            assert [told(one) for one in found if one["impact"] in FAULTS] == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= look["viewport"]["width"], name


def test_who_wants_calm_sees_nothing_move(browser: Browser, client: httpx.Client, done_id: str) -> None:
    with opened(browser, str(client.base_url), reduced_motion="reduce") as page:
        show_work(page, done_id)
        present = page.locator(".stages [aria-current]")
        assert present.evaluate("(step) => getComputedStyle(step).animationName") == "none"


def show_home(page: Page, _: str) -> None:
    page.goto("/")
    page.set_input_files("#files", {"name": "tale.txt", "mimeType": "text/plain", "buffer": b"Once upon a time"})
    expect(page.locator(".upload.refused")).to_be_visible()
    expect(page.locator(".recording")).not_to_have_count(0)


def show_work(page: Page, _: str) -> None:
    def in_work(route: Route) -> None:
        listed = route.fetch().json()
        listed["recordings"][0] |= {"status": "translating"}
        route.fulfill(json=listed)

    page.route("**/recordings/?*", in_work)
    page.goto("/")
    expect(page.locator(".stages [aria-current]")).to_be_visible()
    page.unroute("**/recordings/?*")


def show_hits(page: Page, done_id: str) -> None:
    hit = {"recording_id": done_id, "name": "phrases-1.wav", "utterance_index": 1, "start_s": 3.75, "end_s": 6.45}
    hits = [
        hit | {"language": "en", "snippet": "please drive to the train station on sunday evening", "marks": [[37, 43]]},
        hit | {"language": "fa", "snippet": "لطفاً یکشنبه عصر با ماشین", "marks": [[6, 12]]},
    ]
    page.route("**/search/?*", lambda route: route.fulfill(json={"hits": hits, "next_cursor": "1.1.fa"}))
    page.goto("/?q=sunday")
    expect(page.locator("mark")).to_have_text(["sunday", "یکشنبه"])


def show_room(page: Page, done_id: str) -> None:
    def less_sure(route: Route) -> None:
        whole = route.fetch().json()
        whole["utterances"][0]["words"][1]["confidence"] = 0.41
        whole["utterances"][1]["corrected"] = ["fa"]
        route.fulfill(json=whole)

    page.route(f"**/recordings/{done_id}", less_sure)
    page.goto(f"/r/{done_id}#t=4.1")
    expect(page.locator(".word.lit")).to_have_text("drive")


def show_menu(page: Page, done_id: str) -> None:
    show_room(page, done_id)
    page.locator("#downloads summary").click()


def show_correcting(page: Page, done_id: str) -> None:
    show_room(page, done_id)
    page.route("**/revisions", lambda route: route.fulfill(json={"text": "the camera is broken", "version": "1"}))
    page.route("**/utterances/0", lambda route: route.fulfill(status=422, json={"error": {"message": "Not so."}}))
    page.get_by_role("button", name="Correct the English at 0:00").click()
    page.get_by_role("textbox", name="English sentence").fill("the camera in the garden")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".trouble")).to_have_text("Not so.")


def show_notes(page: Page, _: str) -> None:
    page.route("**/api/v1/notes/", lambda route: route.fulfill(json={"count": 1, "next": None, "results": [NOTE]}))
    page.goto("/notes")
    expect(page.locator(".note")).to_have_count(1)


def show_key(page: Page, _: str) -> None:
    page.route("**/recordings/?*", lambda route: route.fulfill(status=401, json={}))
    page.goto("/")
    expect(page.get_by_role("dialog")).to_be_visible()


PAGES = {
    "home": show_home,
    "work": show_work,
    "hits": show_hits,
    "room": show_room,
    "menu": show_menu,
    "correcting": show_correcting,
    "notes": show_notes,
    "key": show_key,
}


def told(violation: dict[str, Any]) -> str:
    return f"{violation['id']}: {[node['html'] for node in violation['nodes']]}"
