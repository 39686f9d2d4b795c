"""A person corrects a sentence or its translation; every revision is kept, and can be looked at."""

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path, Response
from pydantic import BaseModel, Field

from asr_pipeline.api.dependencies import TheCaller, TheGateway, TheRecording
from asr_pipeline.api.errors import Conflict, NotFound, RequestInvalid, RequestRefused
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.corrections import TEXT_MAX_CHARS, TextInvalid, version_of
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.ports import RecordingRow
from asr_pipeline.storage.corrections import revisions
from asr_pipeline.wiring.correcting import (
    Asked,
    RecordingAtWork,
    TextChanged,
    TextMissing,
    Texts,
    apply_correction,
    texts_now,
)

router = APIRouter(prefix="/recordings/{recording_id}", tags=["corrections"])
Index = Annotated[int, Path(ge=0, le=2**31 - 1, description="Of the utterance.")]
Language = Annotated[str, Path(pattern="^[a-z]{2,3}$", description="ISO code of the translation.")]
IfMatch = Annotated[
    str | None,
    Header(max_length=1000, description="The ETag that was seen: 412 where the text is another by now. Or *."),
]
_TAG = re.compile(r'(?:W/)?"([^"]*)"')


class PreconditionFailed(RequestRefused):
    """The text is another than the one that the caller saw."""

    status = HTTPStatus.PRECONDITION_FAILED


class CorrectionIn(BaseModel, extra="forbid"):
    """What the text should be."""

    text: str = Field(max_length=4 * TEXT_MAX_CHARS)


class CorrectedOut(BaseModel):
    """An utterance's texts as they are now. `version` is the ETag of the text that was asked about."""

    recording_id: str
    utterance_index: int
    language: str
    text: str
    version: str
    translations: dict[str, str]


class RevisionOut(BaseModel):
    """One correction. `applied`: it is what is shown now; none is where what was recognised has changed since."""

    old_text: str
    new_text: str
    corrected_by: str
    corrected_at: dt.datetime
    recognised: str
    applied: bool


class RevisionsOut(BaseModel):
    """A text as it is now, and how it came to be: oldest revision first."""

    recording_id: str
    utterance_index: int
    language: str
    text: str
    version: str
    revisions: list[RevisionOut]


@router.patch("/utterances/{index}")
def correct_utterance(
    gateway: TheGateway,
    recording: TheRecording,
    caller: TheCaller,
    response: Response,
    *,
    index: Index,
    correction: CorrectionIn,
    if_match: IfMatch = None,
) -> CorrectedOut:
    """Correct what was said. It is translated anew at once, but for translations that a person has corrected."""
    asked = Asked(SOURCE_LANGUAGE, index, correction.text, caller)
    return _correct(gateway, recording, response, asked, if_match)


@router.patch("/translations/{language}/{index}")
def correct_translation(
    gateway: TheGateway,
    recording: TheRecording,
    caller: TheCaller,
    response: Response,
    *,
    language: Language,
    index: Index,
    correction: CorrectionIn,
    if_match: IfMatch = None,
) -> CorrectedOut:
    """Correct a translation. It stays as it is when the English sentence is corrected later."""
    _require_translation(language)
    return _correct(gateway, recording, response, Asked(language, index, correction.text, caller), if_match)


@router.get("/utterances/{index}/revisions")
def revisions_of_utterance(
    gateway: TheGateway, recording: TheRecording, response: Response, index: Index
) -> RevisionsOut:
    """Give the corrections of what was said."""
    return _revisions(gateway, recording, response, SOURCE_LANGUAGE, index)


@router.get("/translations/{language}/{index}/revisions")
def revisions_of_translation(
    gateway: TheGateway, recording: TheRecording, response: Response, language: Language, index: Index
) -> RevisionsOut:
    """Give the corrections of a translation."""
    _require_translation(language)
    return _revisions(gateway, recording, response, language, index)


def _correct(
    gateway: Gateway, row: RecordingRow, response: Response, asked: Asked, if_match: str | None
) -> CorrectedOut:
    with _as_answers():
        seen = _seen(gateway, row, asked, if_match)
        texts = apply_correction(
            gateway.pipeline,
            row.recording,
            Asked(asked.language, asked.utterance_index, asked.text, asked.by, seen),
        )
    text, version = _tagged(response, texts, asked.language)
    return CorrectedOut(
        recording_id=row.recording.recording_id,
        utterance_index=asked.utterance_index,
        language=asked.language,
        text=text,
        version=version,
        translations=dict(texts.translations),
    )


def _revisions(gateway: Gateway, row: RecordingRow, response: Response, language: str, index: int) -> RevisionsOut:
    recording_id = row.recording.recording_id
    with _as_answers():
        texts = texts_now(gateway.pipeline, row.recording, language, index)
    text, version = _tagged(response, texts, language)
    return RevisionsOut(
        recording_id=recording_id,
        utterance_index=index,
        language=language,
        text=text,
        version=version,
        revisions=[
            RevisionOut(
                old_text=one.old_text,
                new_text=one.new_text,
                corrected_by=one.corrected_by,
                corrected_at=one.corrected_at,
                recognised=one.recognised,
                applied=one.applied,
            )
            for one in revisions(gateway.pipeline.database, recording_id, language, index)
        ],
    )


def _seen(gateway: Gateway, row: RecordingRow, asked: Asked, if_match: str | None) -> str | None:
    """Give the version that If-Match asks for: of several the one that is there, if any is."""
    if if_match is None or if_match.strip() == "*":
        return None
    named = _TAG.findall(if_match)
    text = texts_now(gateway.pipeline, row.recording, asked.language, asked.utterance_index).text(asked.language)
    now = version_of(text or "")
    return now if now in named else next(iter(named), "")


def _tagged(response: Response, texts: Texts, language: str) -> tuple[str, str]:
    text = texts.text(language) or ""
    version = version_of(text)
    response.headers["ETag"] = f'"{version}"'
    return text, version


def _require_translation(language: str) -> None:
    if language == SOURCE_LANGUAGE:
        raise NotFound(
            f"a translation into {language}",
            expected="another language than the one that is spoken",
            found=language,
            remedy="/recordings/{id}/utterances/{index} is where the English is corrected.",
        )


@contextmanager
def _as_answers() -> Iterator[None]:
    """Give what can't be done the status that fits."""
    kinds: dict[type[PipelineError], type[RequestRefused]] = {
        TextInvalid: RequestInvalid,
        TextMissing: NotFound,
        TextChanged: PreconditionFailed,
        RecordingAtWork: Conflict,
    }
    try:
        yield
    except tuple(kinds) as error:
        refused = kinds[type(error)]
        raise refused(error.subject, expected=error.expected, found=error.found, remedy=error.remedy) from error
