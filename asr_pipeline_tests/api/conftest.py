"""One gateway with warm models for all tests of the API, and fresh ones for those that need their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from asr_pipeline.api.gateway import Gateway, open_gateway
from asr_pipeline.settings import load_settings
from asr_pipeline_tests.api.browser import chromium, opened
from asr_pipeline_tests.api.serving import served, translated, upload


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Open one gateway for all."""
    with open_gateway(load_settings(data_dir=tmp_path_factory.mktemp("gateway"))) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    """Client of the shared gateway."""
    with served(gateway) as client:
        yield client


@pytest.fixture(scope="session")
def done_id(client: httpx.Client, samples: Path) -> str:
    """Upload a recording to the shared gateway, and wait until it is done."""
    answer = upload(client, samples / "phrases-1.wav", "phrases-1.wav")
    file_id = str(answer.json()["file_id"])
    assert translated(client, file_id)["status"] == "done"
    return file_id


@pytest.fixture
def make_gateway(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Open gateways of a test's own, over its own data folder, with its own settings."""
    with ExitStack() as stack:

        def make(**settings: Any) -> Gateway:  # noqa: ANN401 - each setting has a type of its own
            return stack.enter_context(open_gateway(load_settings(data_dir=tmp_path / "data", **settings)))

        yield make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run a browser: a module's own, as its event loop would stand in the way of tests that start one."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """Open a tab at the shared gateway."""
    with opened(browser, str(client.base_url)) as page:
        yield page
