"""Headers of every answer: what a browser may do with it; and none that a stranger's text has broken in two."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Where a route sets one of these itself, its own stays.
_DEFAULTS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Cache-Control": "private, no-cache",
    "X-Content-Type-Options": "nosniff",
}
_ENDS_A_HEADER = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class SecurityHeaders:
    """Adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [(name, without_control(value)) for name, value in message.get("headers", [])]
                headers = MutableHeaders(scope=message)
                for name, value in _DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_safe if scope["type"] == "http" else send)


def without_control(value: bytes) -> bytes:
    """Give a header's value without what ends it or hides in it: not every server looks for that."""
    return _ENDS_A_HEADER.sub(b"", value)
