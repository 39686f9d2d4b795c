"""`GET /api/v1/stats/`: how much there is."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.domain.note import TranslationStatus
from asr_pipeline.storage.stats import make_stats

router = APIRouter(prefix="/api/v1/stats", tags=["stats"])


class StatsOut(BaseModel):
    """Figures over notes and recordings."""

    total_notes: int
    total_translations: int = Field(description="Translations of notes that are done.")
    language_breakdown: dict[str, int] = Field(description="Notes by the language that they are written in.")
    notes_by_status: dict[str, int] = Field(description="Notes with a translation in this status, or untranslated.")
    translations: dict[str, dict[str, int]] = Field(description="Translations of notes by language and status.")
    recordings_by_state: dict[str, int]
    audio_hours: float
    words: int = Field(description="Words that were recognised.")
    mean_confidence: float | None = Field(description="Over all words, 0 to 1; null where there is none.")


@router.get("/")
def stats(gateway: TheGateway) -> StatsOut:
    """Count everything."""
    found = make_stats(gateway.pipeline.database)
    return StatsOut(
        total_notes=sum(found.notes_by_language.values()),
        total_translations=sum(by_status[TranslationStatus.DONE] for by_status in found.translations.values()),
        language_breakdown=dict(found.notes_by_language),
        notes_by_status=dict(found.notes_by_status),
        translations={language: dict(by_status) for language, by_status in found.translations.items()},
        recordings_by_state=dict(found.recordings_by_state),
        audio_hours=round(found.audio_s / 3600, 4),
        words=found.words,
        mean_confidence=None if found.mean_confidence is None else round(found.mean_confidence, 4),
    )
