"""`GET /search/`: where something was said, in every transcript and translation."""

import re
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.errors import RequestInvalid
from asr_pipeline.domain.search import QUERY_MAX_CHARS
from asr_pipeline.storage.search import Place, search
from asr_pipeline.storage.text import storable

router = APIRouter(tags=["search"])
_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,9})\.([a-z]{2,3})", re.ASCII)


class HitOut(BaseModel):
    """An utterance with all the words. `marks` are where they stand in `snippet`: [first, end), in characters."""

    recording_id: str
    name: str
    utterance_index: int
    language: str
    start_s: float
    end_s: float
    snippet: str
    marks: list[tuple[int, int]]


class HitPage(BaseModel):
    """Hits, those of the newest recording first. `next_cursor` gives the next page; null where there is none."""

    hits: list[HitOut]
    next_cursor: str | None


@router.get("/search/")
def search_texts(
    gateway: TheGateway,
    *,
    q: Annotated[
        str,
        Query(min_length=1, max_length=QUERY_MAX_CHARS, description="Words, all of which must be there; no syntax."),
    ],
    lang: Annotated[
        str | None, Query(pattern="^[a-z]{2,3}$", description="Only in this language; in all if left out.")
    ] = None,
    cursor: Annotated[str | None, Query(description="As the page before gave it.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> HitPage:
    """Search what was said and what it was translated into. What begins with the last word is found too."""
    after = None if cursor is None else _place(cursor)
    hits, following = search(gateway.pipeline.database, q, limit, language=lang, after=after)
    return HitPage(
        hits=[
            HitOut(
                recording_id=hit.recording_id,
                name=storable(hit.name),
                utterance_index=hit.utterance_index,
                language=hit.language,
                start_s=hit.start_s,
                end_s=hit.end_s,
                snippet=hit.snippet.text,
                marks=list(hit.snippet.marks),
            )
            for hit in hits
        ],
        next_cursor=None if following is None else ".".join(map(str, following)),
    )


def _place(cursor: str) -> Place:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise RequestInvalid(
            "query.cursor",
            expected="what the page before gave as next_cursor",
            found=storable(repr(cursor[:100])),
            remedy="Leave it out for the first page.",
        )
    number, index, language = found.groups()
    return int(number), int(index), language
