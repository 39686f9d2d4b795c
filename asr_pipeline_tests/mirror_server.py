"""A web server on this machine that serves files, with ranges and validators, and misbehaves when told to."""

import hashlib
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from asr_pipeline_tests.http_server import QuietHandler, listening


@dataclass
class Fault:
    """What goes wrong with one answer: another status, or the connection is cut after some bytes of the body."""

    status: int = 0
    cut_after_bytes: int | None = None


@dataclass
class MirrorServer:
    """Files by name. `faults` are used up, one a request; what was asked for is kept in `requests`."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: deque[Fault] = field(default_factory=deque)
    knows_ranges: bool = True
    has_etags: bool = True
    tells_length: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve() -> Iterator[MirrorServer]:
    """Serve until the end of the block."""
    mirror = MirrorServer()

    class Handler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - http.server's name
            _answer(self, mirror)

    with listening(Handler) as mirror.url:
        yield mirror


def _answer(handler: BaseHTTPRequestHandler, mirror: MirrorServer) -> None:
    mirror.requests.append((handler.path, handler.headers.get("Range")))
    fault = mirror.faults.popleft() if mirror.faults else Fault()
    content = mirror.files.get(handler.path.lstrip("/"))
    if fault.status or content is None:
        handler.send_error(fault.status or 404)
        return
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    wanted = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
    start = 0
    if wanted and mirror.knows_ranges and handler.headers.get("If-Range", etag) == etag:
        start = int(wanted.group(1))
        if start >= len(content):
            handler.send_error(416)
            return
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        handler.send_response(200)
    if mirror.has_etags:
        handler.send_header("ETag", etag)
    if mirror.tells_length:
        handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    body = content[start:]
    handler.wfile.write(body if fault.cut_after_bytes is None else body[: fault.cut_after_bytes])
