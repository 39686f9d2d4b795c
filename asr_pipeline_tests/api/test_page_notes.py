"""The page of notes in a real browser: they are written, translated, changed and removed."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from asr_pipeline.api.gateway import Gateway
from asr_pipeline_tests.api.browser import no_answer_of_its_own, opened
from asr_pipeline_tests.api.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.fixture
def notes(browser: Browser, make_gateway: Callable[..., Gateway]) -> Iterator[Page]:
    """Open the page of notes at a gateway that has none yet."""
    with served(make_gateway()) as client, opened(browser, str(client.base_url)) as page:
        if client.get("/api/v1/notes/").status_code == 404:
            pytest.skip("this gateway keeps no notes")
        page.goto("/notes")
        yield page


def write(page: Page, title: str, text: str, language: str = "English") -> None:
    form = page.get_by_role("form", name="New note")
    form.get_by_label("Title").fill(title)
    form.get_by_label("Text").fill(text)
    form.get_by_label("Language").select_option(language)
    form.get_by_role("button", name="Keep note").click()


def test_a_note_is_written_translated_and_changed(notes: Page) -> None:
    expect(notes.get_by_text("No notes yet.")).to_be_visible()
    write(notes, "Garden", "The camera in the garden is broken.")
    expect(notes.locator(".note h2")).to_have_text("Garden")
    notes.get_by_role("button", name="Translate: Garden").click()
    persian = notes.locator(".translation p")
    expect(persian).to_contain_text("دوربین")
    assert (persian.get_attribute("lang"), persian.get_attribute("dir")) == ("fa", "rtl")

    notes.get_by_role("button", name="Edit: Garden").click()
    edited = notes.locator(".note form")
    edited.get_by_label("Text").fill("Our teacher has a fever.")
    edited.get_by_role("button", name="Keep").click()
    expect(notes.locator(".translation")).to_contain_text("outdated")
    notes.get_by_role("button", name="Translate: Garden").click()
    expect(persian).to_contain_text("تب")
    notes.reload()
    expect(persian).to_contain_text("تب")

    notes.once("dialog", lambda dialog: dialog.accept())
    notes.get_by_role("button", name="Delete: Garden").click()
    expect(notes.get_by_text("No notes yet.")).to_be_visible()


def test_a_persian_note_is_read_from_the_right_and_what_no_model_translates_is_told(notes: Page) -> None:
    write(notes, "باغ", "دوربین باغ خراب است.", "Persian")
    text = notes.locator(".note-text")
    assert (text.get_attribute("lang"), text.get_attribute("dir")) == ("fa", "rtl")
    notes.get_by_role("button", name="Translate: باغ").click()
    expect(notes.get_by_role("alert")).to_contain_text("fa to en")


def test_what_is_written_is_text(notes: Page) -> None:
    hostile = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    write(notes, hostile, hostile)
    expect(notes.locator(".note h2")).to_have_text(hostile)
    expect(notes.locator(".note-text")).to_have_text(hostile)
    assert notes.locator("main script, main img").count() == 0
    assert notes.title() == "Notes · asr-pipeline"


def test_a_gateway_that_keeps_no_notes_says_so(page: Page) -> None:
    no_answer_of_its_own(page, "**/api/v1/notes/*")
    page.goto("/notes")
    expect(page.get_by_role("alert")).to_have_text("This gateway keeps no notes yet.")
