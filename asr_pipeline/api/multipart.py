"""A file out of a multipart body, handed on piece by piece as it comes.

Starlette's own parser spools to the system's temporary folder, which may be small or memory, and bounds no file.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from fastapi.concurrency import run_in_threadpool
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from asr_pipeline.api.errors import ContentTypeWrong, RequestInvalid
from asr_pipeline.domain.errors import LimitExceeded

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FORM_MAX_BYTES = 1 << 20  # of a body beside its file: heads of parts, other fields
PIECE_BYTES = 1 << 20  # handed on at once: a thread's hop is paid once a megabyte
NAME_MAX_CHARS = 200
_EXTENDED_NAME = re.compile(rb"; *filename\*=utf-8'[^']*'([^;\s]+)", re.IGNORECASE)


async def receive_file(request: Request, name: str, write: Callable[[bytearray], None]) -> str:
    """Hand the file of a body's field on to `write`, in a thread; gives the file's name, its last part alone.

    Raises ContentTypeWrong, RequestInvalid, and what `write` raises, at once: the rest is not read.
    """
    form = _Form(name)
    boundary = _boundary(request)
    received = 0
    try:
        parser = MultipartParser(boundary, form.callbacks)
        async for chunk in request.stream():
            received += len(chunk)
            parser.write(chunk)
            if received - form.file_bytes > FORM_MAX_BYTES + len(chunk):
                raise _too_much()
            if len(form.pending) >= PIECE_BYTES:
                await run_in_threadpool(write, form.taken())
    except FormParserError as error:
        raise _broken(str(error)) from error
    if not form.is_complete:
        raise _broken("one that ends early")
    if form.file_name is None:
        raise RequestInvalid(
            f"the field {name!r}", expected="a file", found="none", remedy=f"Send it so: curl -F {name}=@talk.wav"
        )
    await run_in_threadpool(write, form.taken())
    return form.file_name


@dataclass
class _Form:
    """Hears the parser, and keeps what came of the wanted field's first file."""

    wanted: str
    pending: bytearray = field(default_factory=bytearray)
    file_name: str | None = None
    file_bytes: int = 0
    is_complete: bool = False
    _header: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _disposition: bytes = b""
    _in_file: bool = False

    @property
    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls."""
        return {
            "on_part_begin": self._part_begins,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_ends,
            "on_end": self._ends,
        }

    def taken(self) -> bytearray:
        """Give what came since this was last asked."""
        taken, self.pending = self.pending, bytearray()
        return taken

    def _part_begins(self) -> None:
        self._disposition = b""

    def _header_ends(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._disposition)
        given = _file_name(self._disposition, options)
        if self.file_name is None and options.get(b"name") == self.wanted.encode() and given is not None:
            self._in_file = True
            self.file_name = harmless_name(given.decode("utf-8", "replace"))

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.file_bytes += end - start
            self.pending += data[start:end]

    def _part_ends(self) -> None:
        self._in_file = False

    def _ends(self) -> None:
        self.is_complete = True


def _file_name(disposition: bytes, options: Mapping[bytes, bytes]) -> bytes | None:
    """Give a part's file name, also as some clients write it (RFC 5987), which forms may not."""
    if b"filename" in options:
        return options[b"filename"]
    extended = _EXTENDED_NAME.search(disposition)
    return None if extended is None else unquote_to_bytes(extended[1])


def harmless_name(given: str) -> str:
    """Give the last part of a name that a stranger chose, without what a terminal or a header would obey."""
    last = PurePosixPath(PureWindowsPath(given).name).name
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[-NAME_MAX_CHARS:] if printable.strip(".") else "upload"


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind.lower() != b"multipart/form-data" or not options.get(b"boundary"):
        raise ContentTypeWrong(
            "Content-Type",
            expected="multipart/form-data with a boundary",
            found=repr(request.headers.get("Content-Type", ""))[:100],
            remedy="Send the file as a form does: curl -F audio=@talk.wav",
        )
    return options[b"boundary"]


def _broken(found: str) -> RequestInvalid:
    return RequestInvalid(
        "the body", expected="a whole multipart body", found=found, remedy="Send the file as a form does, to its end."
    )


def _too_much() -> LimitExceeded:
    return LimitExceeded(
        "the body",
        expected=f"at most {FORM_MAX_BYTES:,} bytes beside the file",
        found="more",
        remedy="Send the file alone.",
    )
