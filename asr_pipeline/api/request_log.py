"""What the gateway logs and traces of each request.

A request's line names its route, not its address: neither what was asked for by name nor a query is in it.
"""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr_pipeline.api.request_ids import request_id_of
from asr_pipeline.api.security import principal_of
from asr_pipeline.domain.observing import working_on

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

        with working_on("request", request_id=request_id_of(scope)) as told:
            try:
                await self._app(scope, receive, send_seen)
            except BaseException:
                status = status or FAULT
                raise
            finally:
                told |= {"method": scope.get("method", "WEBSOCKET"), "route": route_of(scope), "status": str(status)}
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
