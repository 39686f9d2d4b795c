"""`/recordings/`: what is known of recordings; and erasing one."""

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from asr_pipeline.api.dependencies import TheGateway, TheRecording
from asr_pipeline.api.errors import Conflict
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.security import requires
from asr_pipeline.domain.access import Scope
from asr_pipeline.domain.progress import Progress, progress
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RecordingRow
from asr_pipeline.storage.documents import transcript_json
from asr_pipeline.storage.text import storable

router = APIRouter(prefix="/recordings", tags=["recordings"])
LARGEST_NUMBER = 2**63 - 1  # that a database holds


class RecordingOut(BaseModel):
    """A recording, and where it stands. `reason` says why it failed."""

    recording_id: str
    name: str
    size_bytes: int
    state: RecordingState
    status: Progress
    failed_stage: Stage | None
    reason: str | None
    duration_s: float | None
    word_count: int | None
    mean_confidence: float | None


class RecordingPage(BaseModel):
    """Recordings, newest first. `next_cursor` gives the next page; null where there is none."""

    recordings: list[RecordingOut]
    next_cursor: int | None


class WordOut(BaseModel):
    """A word, and when it was said."""

    text: str
    start_s: float
    end_s: float
    confidence: float


class UtteranceOut(BaseModel):
    """What was said between pauses, and its translations by language. `corrected`: in which a person changed it."""

    index: int
    channel: int
    start_s: float
    end_s: float
    confidence: float
    text: str
    words: list[WordOut]
    translations: dict[str, str]
    corrected: list[str]


class SubtitlesOut(BaseModel):
    """A subtitle file that can be fetched."""

    language: str
    format: str
    url: str


class WholeRecordingOut(RecordingOut):
    """A recording with all that was recognised and translated. No utterances as long as there is no transcript."""

    language: str | None
    recognised_by: dict[str, Any] | None
    translated_by: dict[str, dict[str, str]]
    utterances: list[UtteranceOut]
    subtitles: list[SubtitlesOut]


@router.get("/")
def list_recordings(
    gateway: TheGateway,
    *,
    state: Annotated[RecordingState | None, Query(description="Only those in this state.")] = None,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description="As the page before gave it.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> RecordingPage:
    """List recordings, newest first, a page at a time."""
    rows, next_cursor = gateway.pipeline.store.page(limit, state=state, before=cursor)
    done = gateway.pipeline.store.stages_done([row.recording.recording_id for row in rows])
    listed = [_listed(row, done[row.recording.recording_id]) for row in rows]
    return RecordingPage(recordings=listed, next_cursor=next_cursor)


@router.get("/{recording_id}", response_model=WholeRecordingOut)
def whole_recording(gateway: TheGateway, recording: TheRecording) -> Response:
    """Give everything that is known of a recording: words with times and confidence, utterances, translations."""
    # Written here: a day of speech is 100,000 words, which a second pass of validation would take seconds for.
    return Response(json.dumps(_whole(gateway, recording), ensure_ascii=False), media_type="application/json")


@router.delete("/{recording_id}", status_code=HTTPStatus.NO_CONTENT, dependencies=[Depends(requires(Scope.ADMIN))])
def erase(gateway: TheGateway, recording: TheRecording) -> None:
    """Remove a recording's sound and text for good. That it was there stays noted: it is counted as dropped."""
    if not gateway.erase(recording.recording):
        raise Conflict(
            recording.recording.recording_id,
            expected="a recording that no run works on",
            found="one that is in work, or is queued for it",
            remedy="Try again once it is done.",
        )


def _listed(row: RecordingRow, done: frozenset[Stage]) -> RecordingOut:
    return RecordingOut(
        recording_id=row.recording.recording_id,
        name=storable(row.recording.name),
        size_bytes=row.recording.size_bytes,
        state=row.state,
        status=progress(row.state, done),
        failed_stage=row.failed_stage,
        reason=None if row.reason is None else storable(row.reason),
        duration_s=row.duration_s,
        word_count=row.word_count,
        mean_confidence=row.mean_confidence,
    )


def _whole(gateway: Gateway, row: RecordingRow) -> dict[str, Any]:
    store, recording_id = gateway.pipeline.store, row.recording.recording_id
    found = _listed(row, store.stages_done([recording_id])[recording_id]).model_dump(mode="json")
    subtitles = [
        {
            "language": file.language,
            "format": file.format.value,
            "url": f"/recordings/{recording_id}/subtitles.{file.format}?lang={file.language}",
        }
        for file in store.subtitles(recording_id)
    ]
    transcript = {} if row.word_count is None else transcript_json(store, recording_id)
    return {
        **found,
        "language": transcript.get("language"),
        "recognised_by": transcript.get("recognised_by"),
        "translated_by": transcript.get("translated_by", {}),
        "utterances": transcript.get("utterances", []),
        "subtitles": subtitles,
    }
