"""A recording's sound, with ranges, its waveform and its subtitles. Files can be asked for only where they changed."""

import hashlib
import os
import re
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import FileResponse

from asr_pipeline.api.dependencies import TheGateway, TheRecording
from asr_pipeline.api.errors import NotFound, RequestRefused
from asr_pipeline.domain.subtitle import SubtitleFormat

router = APIRouter(prefix="/recordings/{recording_id}", tags=["recordings"])

MEDIA_TYPES = {
    SubtitleFormat.SRT: "application/x-subrip; charset=utf-8",
    SubtitleFormat.VTT: "text/vtt; charset=utf-8",
    SubtitleFormat.TTML: "application/ttml+xml; charset=utf-8",
}
CANONICAL = "audio/flac"
# What a stranger sent is never called anything that a browser would run or show.
ORIGINAL = "application/octet-stream"
NO_GUESSING = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
_RANGES = re.compile(r"bytes=\s*\d{0,18}-\d{0,18}(?:\s*,\s*\d{0,18}-\d{0,18})*\s*")
_BINARY = {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (CANONICAL, ORIGINAL)}}


class WaveformOut(BaseModel):
    """What to draw: (lowest, highest) sample, as fractions of full scale, of equal parts of the recording."""

    duration_s: float
    points: list[Annotated[list[float], Field(min_length=2, max_length=2)]]


class RangeWrong(RequestRefused):
    """A part of a file is asked for that it does not have."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE

    def __init__(self, size_bytes: int, found: str) -> None:
        """Name the size, so that the next request can be right."""
        super().__init__(
            "Range",
            expected=f"bytes=FIRST-LAST within {size_bytes:,} bytes",
            found=repr(found[:100]),
            remedy="Leave it out for the whole file.",
        )
        self._size_bytes = size_bytes

    @property
    def headers(self) -> dict[str, str]:
        """Name the size."""
        return {"Content-Range": f"bytes */{self._size_bytes}"}


@router.get(
    "/audio",
    response_class=FileResponse,
    responses={
        HTTPStatus.OK: _BINARY,
        HTTPStatus.PARTIAL_CONTENT: {**_BINARY, "description": "A part"},
        HTTPStatus.NOT_MODIFIED: {"description": "Not changed"},
    },
)
def audio(
    request: Request,
    gateway: TheGateway,
    recording: TheRecording,
    *,
    original: Annotated[bool, Query(description="The file as it came, not the 16 kHz FLAC made of it.")] = False,
) -> Response:
    """Give a recording's sound, whole or in part."""
    one, layout = recording.recording, gateway.pipeline.layout
    if original:
        path = layout.source_of(one)
        sent = _file(request, path, ORIGINAL, f"{one.recording_id}{path.suffix}", "attachment")
    else:
        path = layout.audio_of(one.recording_id)
        sent = _file(request, path, CANONICAL, path.name, "inline")
    if sent is None:
        raise _not_there(one.recording_id, "its original" if original else "its sound")
    return sent


@router.get("/waveform")
def waveform(gateway: TheGateway, recording: TheRecording) -> WaveformOut:
    """Give the outline of a recording's sound."""
    recording_id = recording.recording.recording_id
    info = gateway.pipeline.store.audio(recording_id)
    if info is None:
        raise _not_there(recording_id, "its waveform")
    return WaveformOut(duration_s=info.duration_s, points=[list(pair) for pair in info.waveform])


@router.get(
    "/subtitles.{file_format}",
    response_class=Response,
    responses={
        HTTPStatus.OK: {"content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values()}},
        HTTPStatus.NOT_MODIFIED: {"description": "Not changed"},
    },
)
def subtitles(
    request: Request,
    gateway: TheGateway,
    recording: TheRecording,
    file_format: SubtitleFormat,
    lang: Annotated[
        str, Query(pattern="^[a-z-]{2,20}$", description="An ISO code, or bilingual: English above the other.")
    ] = "en",
) -> Response:
    """Give a recording's subtitles."""
    recording_id = recording.recording.recording_id
    files = gateway.pipeline.store.subtitles(recording_id)
    found = next((file for file in files if (file.language, file.format) == (lang, file_format)), None)
    try:
        content = None if found is None else gateway.pipeline.layout.absolute(found.path).read_bytes()
    except FileNotFoundError:  # erased meanwhile
        content = None
    if content is None:
        languages = sorted({file.language for file in files})
        raise _not_there(recording_id, f"subtitles in {' or '.join(languages) or lang}", f"none in {lang}")
    headers = {
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        "Content-Disposition": f'attachment; filename="{recording_id}.{lang}.{file_format}"',
        **NO_GUESSING,
    }
    if _is_known(request, headers["ETag"]):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, headers=headers, media_type=MEDIA_TYPES[file_format])


router.add_api_route("/audio", audio, methods=["HEAD"], include_in_schema=False)
router.add_api_route("/subtitles.{file_format}", subtitles, methods=["HEAD"], include_in_schema=False)


def _file(request: Request, path: Path, media_type: str, name: str, disposition: str) -> Response | None:
    """Give a file; None where it is not there. Raises RangeWrong."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return None
    response = FileResponse(
        path,
        headers=NO_GUESSING,
        media_type=media_type,
        filename=name,
        stat_result=there,
        content_disposition_type=disposition,
    )
    if _is_known(request, response.headers["ETag"]):
        kept = ("etag", "last-modified", "cache-control")
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={name: response.headers[name] for name in kept})
    if request.headers.get("If-Range") in {None, response.headers["ETag"], response.headers["Last-Modified"]}:
        _require_range(request.headers.get("Range"), there)
    return response


def _is_known(request: Request, tag: str) -> bool:
    """Tell whether the caller has this version. `W/` does not matter here."""
    given = request.headers.get("If-None-Match", "")
    return given.strip() == "*" or tag in [one.strip().removeprefix("W/") for one in given.split(",")]


def _require_range(given: str | None, there: os.stat_result) -> None:
    """Raise RangeWrong for what Starlette would answer in another form than ours."""
    if given is None:
        return
    if not _RANGES.fullmatch(given):
        raise RangeWrong(there.st_size, given)
    for part in given.partition("=")[2].split(","):
        first, _, last = (text.strip() for text in part.partition("-"))
        begins = int(first) if first else there.st_size - int(last or 0)
        if begins >= there.st_size or (first and last and int(last) < int(first)):
            raise RangeWrong(there.st_size, given)


def _not_there(recording_id: str, what: str, found: str = "none") -> NotFound:
    return NotFound(
        recording_id,
        expected=what,
        found=found,
        remedy=f"GET /recordings/{recording_id} says how far it is, and what there is.",
    )
