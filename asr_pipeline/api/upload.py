"""`POST /upload/`: audio comes in, streamed to the data folder, and is run."""

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from asr_pipeline.api.dependencies import TheCaller, TheGateway
from asr_pipeline.api.errors import Busy, Conflict
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.multipart import FORM_MAX_BYTES, receive_file
from asr_pipeline.api.request_ids import request_id_of
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.errors import LimitExceeded, UnreadableAudio
from asr_pipeline.domain.progress import Progress, progress
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.idempotency import Answer
from asr_pipeline.storage.receiving import Incoming
from asr_pipeline.storage.text import storable
from asr_pipeline.wiring.registering import register_received

logger = logging.getLogger(__name__)
router = APIRouter(tags=["audio"])

FIELD = "audio"
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
_TO_RUN = frozenset({RecordingState.IN_PROGRESS, RecordingState.FAILED})


class UploadOut(BaseModel):
    """What became of an upload. `file_id` asks for its translation."""

    status: Progress
    file_id: str
    message: str


@dataclass(frozen=True)
class _Upload:
    """A file that came whole."""

    incoming: Incoming
    name: str
    request_id: str


@router.post(
    "/upload/",
    status_code=HTTPStatus.ACCEPTED,
    response_model=UploadOut,
    responses={HTTPStatus.OK: {"model": UploadOut, "description": "Nothing is left to do: what is known of it"}},
    openapi_extra=BODY,
)
async def upload(
    request: Request,
    gateway: TheGateway,
    caller: TheCaller,
    idempotency_key: Annotated[
        str | None,
        Header(pattern="^[!-~]{1,200}$", description="Of your choice: the same again gets the same answer for a day."),
    ] = None,
) -> Response:
    """Take one audio file. It is transcribed and translated from now on; the same bytes are the same `file_id`."""
    await run_in_threadpool(_require_room, gateway, request.headers.get("Content-Length", ""))
    with gateway.pipeline.receiving() as incoming:
        try:
            name = await receive_file(request, FIELD, incoming.write)
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)  # nobody hears it
        whole = _Upload(incoming, name, request_id_of(request.scope))
        answer = await run_in_threadpool(_answer, gateway, whole, caller, idempotency_key)
        gateway.measures.uploaded(answer.status, incoming.size_bytes)
    request.state.target = json.loads(answer.answer)["file_id"]  # for the audit log
    return Response(answer.answer, answer.status, media_type="application/json")


def _require_room(gateway: Gateway, length: str) -> None:
    """Refuse before a byte is read what is too large or can't be run soon."""
    most_bytes = gateway.pipeline.upload_max_bytes
    if length.isdecimal() and int(length[:20]) > most_bytes + FORM_MAX_BYTES:
        raise LimitExceeded(
            "the request",
            expected=f"a file of at most {most_bytes:,} bytes",
            found=f"{length[:20]} bytes",
            remedy="Cut it into parts, or put it into the inbox.",
        )
    waiting, most = gateway.pipeline.store.count_unprocessed([Way.INBOX, Way.UPLOAD]), gateway.settings.queue_max
    if waiting >= most:
        raise Busy(
            "the queue",
            expected=f"fewer than {most:,} recordings that wait",
            found=f"{waiting:,}",
            remedy="Try again later.",
        )


def _answer(gateway: Gateway, whole: _Upload, caller: str, own_key: str | None) -> Answer:
    sha256 = whole.incoming.complete()
    if own_key is None:
        return _take(gateway, whole)
    known = gateway.idempotency.recall(caller, own_key)
    if known is None:
        known = gateway.idempotency.keep(caller, own_key, _take(gateway, whole))
    if known.body_sha256 != sha256:
        raise Conflict(
            f"Idempotency-Key {own_key}",
            expected="the file that it came with before",
            found="another",
            remedy="Choose another key for another file.",
        )
    return known


def _take(gateway: Gateway, whole: _Upload) -> Answer:
    """Register an upload, have it run where that is due, and say where it stands."""
    try:
        gateway.probe.probe(whole.incoming.path)
    except UnreadableAudio as error:
        raise error.about(storable(whole.name)) from error
    recording = register_received(gateway.pipeline, whole.incoming, whole.name)
    store, recording_id = gateway.pipeline.store, recording.recording_id
    row = store.rows([recording_id])[0]
    if is_to_run := row.state in _TO_RUN:
        gateway.start(row, whole.request_id)
    logger.info("Request %s: %r is %s, %s", whole.request_id, whole.name, recording_id, row.state)
    status = (
        Progress.QUEUED
        if row.state is RecordingState.FAILED
        else progress(row.state, store.stages_done([recording_id])[recording_id])
    )
    told = UploadOut(status=status, file_id=recording_id, message=_message(status, recording_id, row.reason))
    return Answer(recording.sha256, HTTPStatus.ACCEPTED if is_to_run else HTTPStatus.OK, told.model_dump_json())


def _message(status: Progress, recording_id: str, reason: str | None) -> str:
    if status is Progress.FAILED:
        return f"It can't be processed. {storable(reason or '')}"
    state = "It is done" if status is Progress.DONE else "It is in work"
    return f"{state}: GET /translation/?file_id={recording_id}"
