"""`GET /translation/`: how far a recording is, and its translation once it is done."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.errors import NotFound
from asr_pipeline.domain.progress import Progress, progress
from asr_pipeline.storage.documents import transcript_text

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
) -> TranslationOut:
    """Give the translation of a recording, or how far it is."""
    store = gateway.pipeline.store
    wanted = file_id if file_id is not None else store.latest_upload()
    row = next(iter(store.rows([wanted])), None) if wanted is not None else None
    if wanted is None or row is None:
        raise NotFound(
            "the recording" if wanted is None else f"file_id {wanted}",
            expected="one that was uploaded",
            found="none",
            remedy="POST /upload/ takes audio.",
        )
    status = progress(row.state, store.stages_done([wanted])[wanted])
    language = gateway.settings.target_languages[0]
    text = transcript_text(store, wanted, language) if status is Progress.DONE else None
    return TranslationOut(file_id=wanted, status=status, language=language, translation=text, reason=row.reason)
