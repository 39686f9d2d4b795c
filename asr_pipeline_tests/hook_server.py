"""A web server on this machine that takes webhooks, and refuses when told to."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message

from asr_pipeline_tests.http_server import QuietHandler, listening


@dataclass(frozen=True)
class Taken:
    """One request."""

    path: str
    headers: "Message[str, str]"
    body: bytes


@dataclass
class HookServer:
    """What came. `statuses` are answered first, one a request; then 204."""

    url: str = ""
    taken: list[Taken] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)


@contextmanager
def hook_server() -> Iterator[HookServer]:
    """Serve until the end of the block."""
    hooks = HookServer()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.taken.append(Taken(self.path, self.headers, body))
            self.send_response(hooks.statuses.popleft() if hooks.statuses else 204)
            self.send_header("Location", hooks.url)
            self.end_headers()

    with listening(Handler) as hooks.url:
        yield hooks
