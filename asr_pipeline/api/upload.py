"""`POST /upload/`: audio comes in, streamed to the data folder, and is run."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.multipart import receive_file

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


class UploadOut(BaseModel):
    """What became of an upload. `file_id` asks for its translation."""

    status: str
    file_id: str
    message: str


@router.post("/upload/", status_code=202, openapi_extra=BODY)
async def upload(request: Request, gateway: TheGateway) -> UploadOut:
    """Take one audio file. It is transcribed and translated from now on; the same bytes are the same `file_id`."""
    pipeline = gateway.pipeline
    with pipeline.receiving() as incoming:
        name = await receive_file(request, FIELD, incoming.write)
        recording = await run_in_threadpool(pipeline.register_received, incoming, name)
    gateway.lane.submit(recording.recording_id)
    return UploadOut(
        status="queued",
        file_id=recording.recording_id,
        message=f"It is in work: GET /translation/?file_id={recording.recording_id}",
    )
