"""Where the gateway wants a key, the page asks for it once, and sends it with all that it fetches."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.access import Scope
from asr_pipeline.storage.api_keys import SqlApiKeys
from asr_pipeline_tests.api.browser import opened
from asr_pipeline_tests.api.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
KEY = "key-0123456789"


@pytest.fixture
def guarded(page: Page) -> list[str]:
    """Refuse what comes without the key, but for the shells; give what was let through."""
    passed: list[str] = []

    def guard(route: Route) -> None:
        if route.request.headers.get("authorization") == f"Bearer {KEY}":
            passed.append(re.sub(r"\?.*", "", route.request.url).rpartition("/")[2])
            route.continue_()
        else:
            route.fulfill(status=401, json={"error": {"message": "Who are you?"}})

    page.route(re.compile("/(recordings|upload|api|search)/"), guard)
    return passed


def give_key(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_a_key_is_asked_for_once_and_kept_until_the_tab_is_closed(
    page: Page, guarded: list[str], done_id: str, samples: Path
) -> None:
    page.goto("/")
    expect(page.get_by_role("dialog", name="A key is needed")).to_be_visible()
    give_key(page, "wrong")
    expect(page.get_by_text("That key was not accepted")).to_be_visible()
    give_key(page, KEY)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.set_input_files("#files", samples / "phrases-1.wav")
    expect(page.locator(".upload.taken")).to_have_count(1)

    page.goto(f"/r/{done_id}#t=0.8")
    expect(page.locator(".word.lit")).to_have_text("camera")
    assert page.evaluate("document.getElementById('audio').src").startswith("blob:")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.locator("#downloads summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="English, vtt").click()
    assert download.value.suggested_filename == f"{done_id}.en.vtt"
    assert {"waveform", "audio", "subtitles.vtt", done_id} <= set(guarded)
    assert page.evaluate("document.cookie + Object.keys(localStorage).join()") == ""

    page.get_by_role("button", name="Forget key").click()
    expect(page.get_by_role("dialog", name="A key is needed")).to_be_visible()


def test_events_are_asked_for_with_the_key(page: Page, guarded: list[str], done_id: str) -> None:
    def in_work(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"status": "translating"})

    page.route(f"**/recordings/{done_id}", in_work)
    page.goto("/")
    give_key(page, KEY)
    page.goto(f"/r/{done_id}")
    with page.expect_request("**/events") as asked:
        page.reload()
    assert asked.value.headers["authorization"] == f"Bearer {KEY}"
    expect(page.locator("#stages [aria-current]")).to_have_text("translating")
    assert "events" in guarded


def test_who_has_no_key_is_told_why_nothing_is_there(page: Page, guarded: list[str]) -> None:
    page.goto("/")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("alert")).to_have_text("Who are you?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert guarded == []


def test_an_upload_that_is_refused_for_want_of_a_key_goes_on_with_one(
    page: Page, guarded: list[str], samples: Path
) -> None:
    page.goto("/")
    page.get_by_role("button", name="Cancel").click()
    page.set_input_files("#files", samples / "phrases-1.wav")
    give_key(page, KEY)
    expect(page.locator(".upload.taken")).to_have_count(1)
    assert "" in guarded  # /upload/


def test_a_gateway_with_keys_is_used_from_upload_to_lit_words(
    browser: Browser, make_gateway: Callable[..., Gateway], samples: Path
) -> None:
    gateway = make_gateway()
    key = SqlApiKeys(gateway.pipeline.database).create("mine", Scope.WRITE).key
    with served(gateway) as client, opened(browser, str(client.base_url)) as page:
        page.goto("/")
        give_key(page, key)
        page.set_input_files("#files", samples / "phrases-1.wav")
        page.get_by_role("link", name="uploaded").click()
        expect(page.locator(".side.meant p").first).to_contain_text("دوربین")
        page.locator("#utterances .word", has_text="sunday").click()
        expect(page.locator(".word.lit")).to_have_text("sunday")
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("button", name="Pause")).to_be_visible()
