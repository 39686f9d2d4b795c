"""What the gateway logs: a line a request, and all else; for people, or as JSON for programs.

A request's line names its route, not its address: neither what was asked for by name nor a query is in it.
"""

import datetime as dt
import json
import logging
import sys
import time
from typing import IO

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr_pipeline.api.request_ids import request_id_of
from asr_pipeline.api.security import principal_of
from asr_pipeline.storage.text import storable

logger = logging.getLogger(__name__)
FAULT = 500
_QUIET = frozenset({"/health/live", "/health/ready", "/metrics"})  # asked every few seconds by machines


def route_of(scope: Scope) -> str:
    """Give the template of the route that a request was for, such as /recordings/{recording_id}.

    A request that was refused before, or that none fits, has none: what a stranger asked for is in no log.
    """
    path: str = getattr(scope.get("route"), "path", "")
    return path or "unrouted"


class RequestLog:
    """Logs each request when its answer has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and log it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        status, began_s = 0, time.perf_counter()

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self._app(scope, receive, send_seen)
        except BaseException:
            status = status or FAULT
            raise
        finally:
            self._log(scope, status, time.perf_counter() - began_s)

    def _log(self, scope: Scope, status: int, seconds: float) -> None:
        principal, route = principal_of(scope), route_of(scope)
        fields = {
            "request_id": request_id_of(scope),
            "principal": None if principal is None else principal.name,
            "method": scope.get("method", "WEBSOCKET"),
            "route": route,
            "status": status,
            "seconds": round(seconds, 4),
        }
        level = logging.DEBUG if route in _QUIET and status < FAULT else logging.INFO
        logger.log(
            level,
            "%s %s %s in %.3f s, request %s of %s",
            *(fields["method"], route, status, seconds, fields["request_id"], fields["principal"] or "nobody known"),
            extra={"fields": fields},
        )


class JsonLines(logging.Formatter):
    """A JSON object a record; a request's fields beside its message."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line."""
        told = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": storable(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            told["exception"] = storable(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=True)


class PlainLines(logging.Formatter):
    """A line a record, whatever a stranger's text holds."""

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; a traceback follows it."""
        moment = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        message = "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in record.getMessage())
        line = f"{moment} {record.levelname} {message}"
        return line if record.exc_info is None else f"{line}\n{storable(self.formatException(record.exc_info))}"


def set_up_logs(log_format: str, stream: IO[str] = sys.stderr) -> None:
    """Have this program's and the server's log lines written, at level INFO and WARNING."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if log_format == "json" else PlainLines())
    for name, level in (("asr_pipeline", logging.INFO), ("uvicorn", logging.WARNING)):
        one = logging.getLogger(name)
        one.setLevel(level)
        one.handlers[:] = [handler]
        one.propagate = False
