"""How much anybody may ask for: requests in a time and at once, and bodies by size, speed and depth.

Pure ASGI. Bodies of uploads pass through, timed; every other is small, and read here as a whole: a slow or a huge one
costs no route and no thread.
"""

import asyncio
import math
import re
import time
from collections.abc import Callable
from http import HTTPStatus

import limits
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asr_pipeline.api.errors import Busy, RequestInvalid, RequestRefused
from asr_pipeline.api.refusing import refuse
from asr_pipeline.domain.errors import PipelineError

LIVE = "/health/live"  # asked by who restarts what does not answer: never put off
UPLOADS = frozenset({"/upload/", "/upload"})  # the second is led to the first
GRACE_S = 10.0  # what a body may take however small it is
DEPTH_MAX = 32
_STRUCTURE = re.compile(rb'"(?:[^"\\]++|\\.|\\\Z)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)  # each byte is looked at once
_OPENING, _CLOSING = b"[{", b"]}"


class TooMany(RequestRefused):
    """One caller asks too often."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, policy: str, rate: limits.RateLimitItem, wait_s: int, headers: dict[str, str]) -> None:
        """Say how often is often enough, and when to come again."""
        super().__init__(
            f"requests of one {policy}",
            expected=f"at most {rate.amount:,} in {rate.get_expiry():,} s",
            found="more",
            remedy=f"Try again in {wait_s} s.",
        )
        self._headers = {**headers, "Retry-After": str(wait_s)}

    @property
    def headers(self) -> dict[str, str]:
        """Say when to come again, for programs too."""
        return self._headers


class BodyTooSlow(RequestRefused):
    """A body does not come on."""

    status = HTTPStatus.REQUEST_TIMEOUT

    @property
    def headers(self) -> dict[str, str]:
        """Hang up: the rest of the body is not waited for."""
        return {"Connection": "close"}


class BodyTooLarge(RequestRefused):
    """A body is larger than any that a route takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    @property
    def headers(self) -> dict[str, str]:
        """Hang up: the rest of the body is not read."""
        return {"Connection": "close"}


class RateLimit:
    """Counts requests by who makes them, in a window that moves. `who` gives None for who is not counted."""

    def __init__(self, app: ASGIApp, *, policy: str, rate: str, who: Callable[[Scope], str | None]) -> None:
        self._app = app
        self._policy = policy
        self._rate = limits.parse(rate)
        self._who = who
        self._limiter = limits.strategies.MovingWindowRateLimiter(limits.storage.MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with what is left told in its answer; or refuse it."""
        who = self._who(scope) if scope["type"] in {"http", "websocket"} and scope["path"] != LIVE else None
        if who is None:
            await self._app(scope, receive, send)
            return
        is_allowed = self._limiter.hit(self._rate, who)
        window = self._limiter.get_window_stats(self._rate, who)
        wait_s = max(1, math.ceil(window.reset_time - time.time()))
        told = {
            "RateLimit-Policy": f'"{self._policy}";q={self._rate.amount};w={self._rate.get_expiry()}',
            "RateLimit": f'"{self._policy}";r={window.remaining};t={wait_s}',
        }
        if not is_allowed:
            await refuse(scope, receive, send, TooMany(self._policy, self._rate, wait_s, told))
            return

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in told.items():
                    headers.append(name, value)
            await send(message)

        await self._app(scope, receive, send_told)


class Concurrency:
    """Bounds the requests that are answered at the same time."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or put it off."""
        if scope["type"] not in {"http", "websocket"} or scope["path"] == LIVE:
            await self._app(scope, receive, send)
            return
        if self._count >= self._most:
            error = Busy(
                "the gateway",
                expected=f"fewer than {self._most:,} requests at the same time",
                found=f"{self._count:,}",
                remedy="Try again in some seconds.",
            )
            await refuse(scope, receive, send, error)
            return
        self._count += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._count -= 1


class Bodies:
    """Bounds what requests send."""

    def __init__(self, app: ASGIApp, *, most_bytes: int, min_bytes_per_s: int) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._min_bytes_per_s = min_bytes_per_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its body, or refuse it."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if headers.get("Content-Length", "0") == "0" and "Transfer-Encoding" not in headers:
            await self._app(scope, receive, send)
            return
        timed = _timed(receive, self._min_bytes_per_s)
        if scope["path"] in UPLOADS:
            await self._app(scope, timed, send)
            return
        try:
            body = await self._whole(headers, timed)
        except PipelineError as error:
            await refuse(scope, receive, send, error)
            return
        if body is not None:
            await self._app(scope, _replayed(body, receive), send)

    async def _whole(self, headers: Headers, receive: Receive) -> bytes | None:
        """Read a body; None where its sender hangs up."""
        length = headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:20]) > self._most_bytes:
            raise self._too_large()
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                break
        if not headers.get("Content-Type", "").startswith("multipart/") and is_too_deep(body):
            raise RequestInvalid(
                "the body",
                expected=f"JSON of at most {DEPTH_MAX} levels",
                found="more",
                remedy="/openapi.json describes every request.",
            )
        return bytes(body)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            "the body", expected=f"at most {self._most_bytes:,} bytes", found="more", remedy="Send less at a time."
        )


def is_too_deep(body: bytes | bytearray) -> bool:
    """Tell whether JSON nests deeper than a parser should follow; anything else is the parser's to refuse."""
    if sum(body.count(opening) for opening in _OPENING) <= DEPTH_MAX:
        return False
    depth = 0
    for found in _STRUCTURE.finditer(body):
        first = body[found.start()]
        depth += (first in _OPENING) - (first in _CLOSING)
        if depth > DEPTH_MAX:
            return True
    return False


def _timed(receive: Receive, min_bytes_per_s: int) -> Receive:
    """Give a `receive` that raises BodyTooSlow. Only the time spent waiting counts: a slow disk is not the sender's."""
    waited_s, received, is_whole = 0.0, 0, False

    async def timed() -> Message:
        nonlocal waited_s, received, is_whole
        if is_whole:  # from here on it waits for the caller to hang up
            return await receive()
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(GRACE_S + received / min_bytes_per_s - waited_s):
                message = await receive()
        except TimeoutError as error:
            raise BodyTooSlow(
                "the body",
                expected=f"at least {min_bytes_per_s:,} bytes a second",
                found=f"{received:,} bytes in all",
                remedy="Send it again over a better connection.",
            ) from error
        waited_s += time.monotonic() - began_s
        received += len(message.get("body", b""))
        is_whole = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    return timed


def _replayed(body: bytes, receive: Receive) -> Receive:
    is_given = False

    async def replayed() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
