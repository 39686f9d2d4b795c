"""`asr-pipeline scheduler` and `worker`: what they refuse. That they work, the tests of e2e/ show."""

import socket

import pytest
from typer.testing import CliRunner

from asr_pipeline.cli.main import app
from asr_pipeline.domain.errors import SettingInvalid, SetupError


def test_neither_opens_a_machine_to_its_network_without_tls() -> None:
    for command in (["scheduler", "--host", "0.0.0.0"], ["worker", "dask://10.0.0.1:8786"]):  # noqa: S104
        result = CliRunner().invoke(app, command)
        assert isinstance(result.exception, SettingInvalid)
        assert "can run any code there" in str(result.exception)
        assert "--without-tls" in str(result.exception)


@pytest.mark.parametrize("given", [[], ["threads"], ["dask"], ["dask://nowhere"]])
def test_a_worker_needs_a_schedulers_address(given: list[str]) -> None:
    result = CliRunner().invoke(app, ["worker", *given])
    assert isinstance(result.exception, SettingInvalid)
    assert "dask://" in str(result.exception)


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = CliRunner().invoke(app, ["scheduler", "--port", str(taken.getsockname()[1])])
    assert isinstance(result.exception, SetupError)
    assert "expected a free port" in str(result.exception)
