"""Log lines: for people, or a JSON object each for programs; of every process, in one form.

A line names what it is about (`domain.observing`): the run, the recording, the stage, the request.
"""

import datetime as dt
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import IO

from asr_pipeline.domain.observing import worked_on
from asr_pipeline.settings import ENVIRONMENT_PREFIX
from asr_pipeline.storage.text import storable

LEVELS = {"asr_pipeline": logging.INFO, "stamina": logging.WARNING, "uvicorn": logging.WARNING}


class JsonLines(logging.Formatter):
    """A JSON object a record: what it is about, and a request's fields, beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        told = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": storable(_message_of(record)),
            **worked_on(),
            **_dagster_fields(record),
            **getattr(record, "fields", {}),
        }
        if exception := _error_of_event(record) or (record.exc_info and self.formatException(record.exc_info)):
            told["exception"] = storable(exception)
        return json.dumps(told, ensure_ascii=True)


class PlainLines(logging.Formatter):
    """A line a record, whatever a stranger's text holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; a traceback follows it."""
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        message = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in record.getMessage())
        line = f"{moment} {record.levelname} {message}"
        return line if record.exc_info is None else f"{line}\n{storable(self.formatException(record.exc_info))}"


def set_up_logs(log_format: str, stream: IO[str] | None = None) -> None:
    """Have this program's, its server's and its retries' log lines written to standard error, or to a stream."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else PlainLines())
    for name, level in LEVELS.items():
        one = logging.getLogger(name)
        one.setLevel(level)
        one.handlers[:] = [handler]
        one.propagate = False
    logging.setLoggerClass(_JsonLogger if log_format == "json" else logging.Logger)


def set_up_logs_of_dagster() -> None:
    """Have a process that Dagster starts log as the setting asks: before it makes its own loggers, so at import."""
    if os.environ.get(f"{ENVIRONMENT_PREFIX}LOG_FORMAT") == "json":
        set_up_logs("json")


class _JsonLogger(logging.Logger):
    """A logger made from now on: what it writes to standard error is JSON too.

    Dagster's loggers of runs and sensors have a form of their own, and no setting of it.
    """

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802 - logging's name
        """Add a handler."""
        if getattr(hdlr, "stream", None) is sys.stderr:
            hdlr.setFormatter(JsonLines())
        super().addHandler(hdlr)


def _message_of(record: logging.LogRecord) -> str:
    """Give the message; where Dagster has put names before it, without these: they are fields."""
    told = _meta(record).get("orig_message")
    return told if isinstance(told, str) else record.getMessage()


def _dagster_fields(record: logging.LogRecord) -> dict[str, str]:
    """Give what Dagster knows of a record: its run, job and step, and the type of an event."""
    meta = _meta(record)
    fields = {"run_id": meta.get("run_id"), "job": meta.get("job_name"), "step": meta.get("step_key")}
    fields["event"] = getattr(meta.get("dagster_event"), "event_type_value", None)
    return {name: str(value) for name, value in fields.items() if value}


def _error_of_event(record: logging.LogRecord) -> str:
    """Give the error that an event of Dagster is about, with its traceback."""
    data = getattr(_meta(record).get("dagster_event"), "event_specific_data", None)
    error = getattr(data, "error", None)
    return "" if error is None else str(error.to_string())


def _meta(record: logging.LogRecord) -> Mapping[str, object]:
    found: Mapping[str, object] = getattr(record, "dagster_meta", {})
    return found
