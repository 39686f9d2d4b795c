"""`GET /translation/`: how far a recording is, and its translation once it is done."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from asr_pipeline.api.dependencies import TheGateway, recording
from asr_pipeline.api.errors import NotFound
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.domain.progress import Progress, progress
from asr_pipeline.storage.text import storable

router = APIRouter(tags=["audio"])


class TranslationOut(BaseModel):
    """Where a recording stands. `translation` is there once it is done; `reason` says why it failed."""

    file_id: str
    status: Progress
    language: str
    translation: str | None = None
    reason: str | None = None


@router.get("/translation/", response_model_exclude_none=True)
def translation(
    gateway: TheGateway,
    file_id: Annotated[str | None, Query(description="As /upload/ gave it; the latest upload if left out.")] = None,
    language: Annotated[
        str | None, Query(pattern="^[a-z]{2,3}$", description="ISO code; the first of the settings if left out.")
    ] = None,
) -> TranslationOut:
    """Give the translation of a recording, or how far it is. A line an utterance."""
    store = gateway.pipeline.store
    wanted = store.latest_upload() if file_id is None else file_id
    if wanted is None:
        raise NotFound("the latest upload", expected="one", found="none yet", remedy="POST /upload/ takes audio.")
    row = recording(gateway, wanted)
    status = progress(row.state, store.stages_done([wanted])[wanted])
    into = language or gateway.settings.target_languages[0]
    return TranslationOut(
        file_id=wanted,
        status=status,
        language=into,
        translation=_text(gateway, wanted, into) if status is Progress.DONE else None,
        reason=None if row.reason is None else storable(row.reason),
    )


def _text(gateway: Gateway, recording_id: str, language: str) -> str:
    sets = {one.language: one for one in gateway.pipeline.store.translations(recording_id)}
    if language not in sets:
        raise NotFound(
            f"a translation of {recording_id}",
            expected=f"one into {' or '.join(sets) or language}",
            found=f"none into {language}",
            remedy="ASR_PIPELINE_TARGET_LANGUAGES names the languages to translate into.",
        )
    return "\n".join(each.text for each in sets[language].translations)
