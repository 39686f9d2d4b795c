"""Every error as one JSON body, with the status that fits: what was expected, what was found, what to do.

`{"error": {"code", "message", "expected", "found", "remedy"}, "request_id"}`. Of what is wrong in here, a caller hears
that it is, not where: paths and addresses of this machine stand in the log alone.
"""

import json
import logging
import re
from http import HTTPMethod, HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from asr_pipeline.api.request_ids import HEADER, request_id_of
from asr_pipeline.domain.errors import (
    LimitExceeded,
    PermanentFailure,
    PipelineError,
    TransientFailure,
    UnreadableAudio,
    UpstreamMissing,
)

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 5
_STATUSES: tuple[tuple[type[PipelineError], HTTPStatus], ...] = (  # the first that fits
    (UnreadableAudio, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (LimitExceeded, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (PermanentFailure, HTTPStatus.UNPROCESSABLE_ENTITY),
    (UpstreamMissing, HTTPStatus.CONFLICT),
    (TransientFailure, HTTPStatus.SERVICE_UNAVAILABLE),
)


class ErrorParts(BaseModel):
    """What is wrong, in one sentence and in its parts."""

    code: str
    message: str
    expected: str
    found: str
    remedy: str


class ErrorOut(BaseModel):
    """How every error is told."""

    error: ErrorParts
    request_id: str


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorOut, "description": "Something about the request must change"},
    "5XX": {"model": ErrorOut, "description": "Something in here is not as it should be; try again later"},
}


class RequestRefused(PipelineError):
    """A request can't be answered as it is. `headers` go with the answer."""

    status: ClassVar[HTTPStatus] = HTTPStatus.BAD_REQUEST

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {}


class NotFound(RequestRefused):
    """There is no such thing."""

    status = HTTPStatus.NOT_FOUND


class Conflict(RequestRefused):
    """What is asked for does not go with what is there."""

    status = HTTPStatus.CONFLICT


class RequestInvalid(RequestRefused):
    """A request lacks something, or holds what it can't hold."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ContentTypeWrong(RequestRefused):
    """A body is of another kind than is taken."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Busy(RequestRefused):
    """There is too much to do already."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    @property
    def headers(self) -> dict[str, str]:
        """Say when to come again."""
        return {"Retry-After": str(RETRY_AFTER_S)}


def handle_errors(app: FastAPI) -> None:
    """Have an app answer every error so."""
    app.add_exception_handler(PipelineError, pipeline_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)


def error_response(request: Request, status: HTTPStatus, error: dict[str, Any], headers: dict[str, str]) -> Response:
    """Give an error's answer. ASCII: a caller's text may hold what UTF-8 can't."""
    request_id = request_id_of(request.scope)
    body = json.dumps({"error": error, "request_id": request_id}, ensure_ascii=True)
    return Response(body, status, {HEADER: request_id, **headers}, "application/json")


def pipeline_error(request: Request, error: Exception) -> Response:
    """Give the answer to a PipelineError."""
    assert isinstance(error, PipelineError)  # noqa: S101 - as it was registered
    headers: dict[str, str] = {}
    if isinstance(error, RequestRefused):
        return error_response(request, error.status, _told(error), error.headers)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return error_response(request, status, _told(error), headers)
    logger.error("Request %s: %s", request_id_of(request.scope), error)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return error_response(request, status, _hidden(_code(type(error).__name__)), headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as it was registered
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "the request"
    told = RequestInvalid(
        place,
        expected=first["msg"].removeprefix("Value error, "),
        found=repr(first.get("input"))[:200],
        remedy="/openapi.json describes every request.",
    )
    return error_response(request, told.status, _told(told), {})


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as it was registered
    status = HTTPStatus(error.status_code)
    told = {
        "code": _code(status.name.title().replace("_", "")),
        "message": f"{request.method} {request.url.path}: {error.detail}.",
        "expected": "a request that /openapi.json describes",
        "found": error.detail,
        "remedy": "See /openapi.json.",
    }
    headers = dict(error.headers or {})
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_allowed(request))
    return error_response(request, status, told, headers)


def _fault(request: Request, error: Exception) -> Response:
    logger.error("Request %s met a fault", request_id_of(request.scope), exc_info=error)
    return error_response(request, HTTPStatus.INTERNAL_SERVER_ERROR, _hidden("internal_error"), {})


def _allowed(request: Request) -> list[str]:
    """Give all methods that an address takes: Starlette names those of the first route alone."""
    scopes = {method.value: {**request.scope, "method": method.value} for method in HTTPMethod}
    routes = request.app.routes
    return [name for name, scope in scopes.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)]


def _told(error: PipelineError) -> dict[str, Any]:
    return {
        "code": _code(type(error).__name__),
        "message": str(error),
        "expected": error.expected,
        "found": error.found,
        "remedy": error.remedy,
    }


def _hidden(code: str) -> dict[str, Any]:
    found, remedy = "a fault in here", "Try again later; the log tells more by the request's id."
    return {
        "code": code,
        "message": f"The request: expected an answer, found {found}. {remedy}",
        "expected": "an answer",
        "found": found,
        "remedy": remedy,
    }


def _code(name: str) -> str:
    """Give a class's name as words joined by underscores."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
