"""A real Chromium for tests of the page: the machine's own, never one that is downloaded."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1200, "height": 860}
PHONE = {"width": 390, "height": 780}
LONGEST_WAIT_MS = 60_000  # a shared machine may be slow
expect.set_options(timeout=LONGEST_WAIT_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium without a window, which plays sound before anyone has clicked. Skips where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"none of {', '.join(NAMES)} is on this machine")
    args = ["--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage"]
    if os.geteuid() == 0:
        args.append("--no-sandbox")  # which root can't have
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=args)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, address: str, **context: Any) -> Iterator[Page]:  # noqa: ANN401 - Playwright's options
    """Give a tab of a session of its own. Scripts that fail and anything from elsewhere are AssertionErrors."""
    faults: list[str] = []

    def look(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            faults.append(message.text)

    with browser.new_context(base_url=address, **{"viewport": DESKTOP, **context}) as session:
        page = session.new_page()
        page.set_default_timeout(LONGEST_WAIT_MS)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", look)
        page.on("request", lambda request: faults.append(request.url) if is_elsewhere(request.url, address) else None)
        try:
            yield page
        finally:
            page.unroute_all(behavior="ignoreErrors")  # the page may be asking still
    assert faults == []


def is_elsewhere(url: str, address: str) -> bool:
    """Tell whether an address is not of the gateway, nor of the page's memory."""
    return not url.startswith((address, f"blob:{address}"))


def no_answer_of_its_own(page: Page, *patterns: str, status: int = 404) -> None:
    """Have a gateway answer some requests as if it did not know them, or otherwise refused them."""
    for pattern in patterns:
        page.route(pattern, lambda route: route.fulfill(status=status, json={"error": {"message": "Not so."}}))
