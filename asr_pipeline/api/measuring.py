"""Counts and times every request by the template of its route: what callers make up never becomes a label.

Pure ASGI: nothing of a body is held back or buffered.
"""

import time
from http import HTTPMethod, HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr_pipeline.api.measures import Measures

UNMATCHED = "unmatched"  # no route: an unknown path, a redirect, a file of the page
OTHER_METHOD = "other"
NO_ANSWER = "none"


class Measuring:
    """Counts requests in a gateway's measures."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request, and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = NO_ANSWER

        async def send_seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            with self._measures.requests_in_progress.track_inprogress():
                await self._app(scope, receive, send_seen)
        except Exception:
            if status == NO_ANSWER:  # the last handler, which stands outside, gives this one
                status = str(HTTPStatus.INTERNAL_SERVER_ERROR.value)
            raise
        finally:
            method, route = _labels(scope)
            self._measures.requests.labels(method, route, status).inc()
            self._measures.request_seconds.labels(method, route).observe(time.perf_counter() - began_s)


def _labels(scope: Scope) -> tuple[str, str]:
    """Give the method and the route's template: two of few, whatever was asked for."""
    method = scope["method"] if scope["method"] in HTTPMethod.__members__ else OTHER_METHOD
    return method, getattr(scope.get("route"), "path", UNMATCHED)
