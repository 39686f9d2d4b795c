"""An S3 server for tests, a process of its own on loopback, and a bucket on it."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import s3fs

from asr_pipeline_tests.e2e.clusters import wait_until
from asr_pipeline_tests.ports import free_port


@contextmanager
def s3_server() -> Iterator[str]:
    """Give the address of a server, which is ended with the block."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(endpoint, timeout=10):
            return True
        return False

    with subprocess.Popen(
        [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(answers, "an S3 server")
            yield endpoint
        finally:
            server.kill()


def make_bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the address of a new bucket; credentials are where AWS' own tools look for them."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"bucket-{os.urandom(4).hex()}"
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}/audio"
