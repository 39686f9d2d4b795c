"""Log lines as JSON: of every process, each naming what it is about."""

import json
import logging
import os
import subprocess
import sys
from io import StringIO
from logging.config import dictConfig
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.observing import working_on
from asr_pipeline.storage.layout import Layout
from asr_pipeline.wiring.logs import JsonLines, PlainLines
from asr_pipeline_tests.monitoring.prometheus import MONITORING

Line = dict[str, Any]
LOGGER = "asr_pipeline_tests.of_logs"


def logged(formatter: logging.Formatter, message: str, **extra: object) -> str:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger(LOGGER)  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)
    logger.warning(message, extra=extra)
    return stream.getvalue()


def lines(text: str) -> list[Line]:
    """Read all lines, each of which must be an object."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in found)
    return found


def test_a_line_names_what_is_worked_on() -> None:
    with working_on("run", run_id="r"), working_on("recording", recording_id="a"):
        (line,) = lines(logged(JsonLines(), "slow"))
    assert (line["message"], line["run_id"], line["recording_id"], line["level"]) == ("slow", "r", "a", "WARNING")
    (line,) = lines(logged(JsonLines(), "slow"))
    assert "recording_id" not in line


def test_what_dagster_puts_before_a_message_is_in_fields() -> None:
    meta = {"run_id": "r", "job_name": "j", "step_key": None, "orig_message": "two\nlines", "dagster_event": None}
    (line,) = lines(logged(JsonLines(), "j - r - two\nlines", dagster_meta=meta))
    assert (line["message"], line["run_id"], line["job"]) == ("two\nlines", "r", "j")
    assert "step" not in line


def test_plain_lines_stay_one_a_record() -> None:
    assert logged(PlainLines(), "a\nb").count("\n") == 1


@pytest.mark.e2e
@pytest.mark.engine
def test_each_line_of_a_run_names_the_run_and_the_recording(tmp_path: Path, samples: Path) -> None:
    corrupt = tmp_path / "corrupt.wav"
    corrupt.write_bytes(b"no sound")
    told = run("asr_pipeline", "process", samples / "phrases-1.wav", corrupt, data_dir=tmp_path / "data")
    *logs, _ = told.splitlines()  # the last is the command's own word, to a person
    found = lines("\n".join(logs))
    with open_instance(Layout(tmp_path / "data").dagster_home) as instance:
        (dagster_run,) = instance.get_runs()
    assert {line["run_id"] for line in found} == {dagster_run.run_id}
    by_recording = [line["recording_id"].partition("-")[0] for line in found if "recording_id" in line]
    assert by_recording.count("phrases") == 5
    assert by_recording.count("corrupt") == 1
    assert any("exception" in line for line in found)


@pytest.mark.e2e
def test_runs_that_dagster_starts_log_so_too(tmp_path: Path) -> None:
    home = Layout(tmp_path / "data").dagster_home
    with open_instance(home):
        pass
    arguments = ["job", "execute", "-m", "asr_pipeline.definitions", "-j", "report"]
    found = lines(run("dagster", *arguments, data_dir=tmp_path / "data", DAGSTER_HOME=str(home)))
    assert len({line["run_id"] for line in found}) == 1
    assert {"RUN_SUCCESS", "PIPELINE_SUCCESS"} & {line.get("event") for line in found}


def run(module: str, *arguments: str | Path, data_dir: Path, **environment: str) -> str:
    """Run a program that logs as JSON; give what it wrote to standard error."""
    ours = {"ASR_PIPELINE_DATA_DIR": str(data_dir), "ASR_PIPELINE_LOG_FORMAT": "json", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=os.environ | ours | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stderr


def test_dasks_processes_can_log_so() -> None:
    config = yaml.safe_load((MONITORING / "dask-logging.yaml").read_text())["logging"]
    for name in config["loggers"]:
        assert name in {"asr_pipeline", "distributed"}
    config["loggers"] = {LOGGER: config["loggers"]["asr_pipeline"]}
    dictConfig(config)
    (handler,) = logging.getLogger(LOGGER).handlers
    assert isinstance(handler.formatter, JsonLines)
    logging.getLogger(LOGGER).handlers.clear()
