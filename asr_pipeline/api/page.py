"""The page: shells that are the same for everyone, and the scripts that fill them over the gateway's own requests.

A shell holds nothing of any recording, so that it needs no key. Nothing comes from another address.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Response
from fastapi import Path as PathParameter
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.errors import NotFound
from asr_pipeline.domain.quality import LOW_CONFIDENCE
from asr_pipeline.domain.translation import SOURCE_LANGUAGE

router = APIRouter(include_in_schema=False)

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_SHELL_HEADERS = {
    # A script that gets into the page finds nothing to run it. Sound that needed a key is played from memory: blob.
    "Content-Security-Policy": "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_FILE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


@router.get("/")
@router.head("/")
def home(gateway: TheGateway) -> Response:
    """Give the page on which recordings are dropped and listed."""
    return _shell(gateway, "home.html")


@router.get("/r/{recording_id}")
@router.head("/r/{recording_id}")
def reading_room(
    gateway: TheGateway, recording_id: Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,80}$")]
) -> Response:
    """Give the page on which one recording is read and heard."""
    return _shell(gateway, "reading_room.html", recording_id=recording_id)


@router.get("/notes")
@router.head("/notes")
def notes(gateway: TheGateway) -> Response:
    """Give the page of text notes."""
    return _shell(gateway, "notes.html")


@router.get("/static/{version}/{name}")
@router.head("/static/{version}/{name}")
def static(version: str, name: Annotated[str, PathParameter(pattern=r"^[a-z_]{1,40}\.(css|js|svg)$")]) -> Response:
    """Give a file of the page. Its address changes with its content, so that it may be kept for good."""
    content = _files().get(name)
    if content is None or version != _version():
        raise NotFound(f"/static/{version}/{name}", expected="a file of the page", found="none", remedy="Load / anew.")
    return Response(content, headers=_FILE_HEADERS, media_type=_MEDIA_TYPES[Path(name).suffix])


def _shell(gateway: TheGateway, template: str, **values: str) -> Response:
    shell = _TEMPLATES.get_template(template).render(
        static=f"/static/{_version()}",
        source_language=SOURCE_LANGUAGE,
        target_languages=gateway.settings.target_languages,
        low_confidence=LOW_CONFIDENCE,
        **values,
    )
    return Response(shell, headers=_SHELL_HEADERS, media_type="text/html")


@cache
def _files() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(_STATIC.iterdir()) if path.suffix in _MEDIA_TYPES}


@cache
def _version() -> str:
    """Name what the files hold, all together: they import each other."""
    return hashlib.sha256(b"".join(_files().values())).hexdigest()[:12]
