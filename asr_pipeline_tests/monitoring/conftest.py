"""A gateway for all tests of monitoring."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from asr_pipeline.api.gateway import Gateway, open_gateway
from asr_pipeline.settings import load_settings
from asr_pipeline_tests.api.serving import served, translated, upload


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Open one gateway for all."""
    with open_gateway(load_settings(data_dir=tmp_path_factory.mktemp("gateway"))) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    """Client of the gateway."""
    with served(gateway) as client:
        yield client


@pytest.fixture(scope="session")
def done_id(client: httpx.Client, samples: Path) -> str:
    """Upload a recording and make a note, and wait until the recording is done."""
    file_id = str(upload(client, samples / "phrases-1.wav", "phrases-1.wav").json()["file_id"])
    assert translated(client, file_id)["status"] == "done"
    note = client.post("/api/v1/notes/", json={"title": "t", "original_text": "Hello."}).json()
    assert client.get(f"/api/v1/notes/{note['id']}/").status_code == 200
    return file_id
