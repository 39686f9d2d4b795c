"""`/api/v1/notes/`: short texts, and their translations, which are made in the background."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.errors import Conflict, NotFound, RequestInvalid
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.note_reads import NoteReads
from asr_pipeline.api.request_ids import request_id_of
from asr_pipeline.defs.notes import forget
from asr_pipeline.domain.errors import NoteChanged
from asr_pipeline.domain.note import (
    MAX_TEXT_CHARS,
    MAX_TITLE_CHARS,
    Note,
    NoteDraft,
    NoteTranslation,
    TranslationStatus,
)
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.storage.notes import NoteFilter

router = APIRouter(prefix="/api/v1/notes", tags=["notes"])

MAX_PAGE = 100
LARGEST_NUMBER = 2**63 - 1  # that a database can hold
Title = Annotated[str, Field(min_length=1, max_length=MAX_TITLE_CHARS)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
Language = Annotated[str, Field(pattern="^[a-z]{2,3}$", description="ISO 639 code, such as en.")]
NoteId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class NoteIn(BaseModel):
    """A new note."""

    model_config = ConfigDict(strict=True, extra="forbid")

    title: Title
    original_text: Text
    original_language: Language = SOURCE_LANGUAGE


class NoteEdit(BaseModel):
    """What to change. With `version`, only where the note is still in that version."""

    model_config = ConfigDict(strict=True, extra="forbid")

    title: Title | None = None
    original_text: Text | None = None
    original_language: Language | None = None
    version: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None = None


class TranslateIn(BaseModel):
    """Which language to translate into."""

    model_config = ConfigDict(strict=True, extra="forbid")

    target_language: Language


class NoteTranslationOut(BaseModel):
    """A translation. `text` is there where it is done; `reason` says why it failed, also while it is tried again."""

    language: str
    status: TranslationStatus
    text: str | None
    reason: str | None
    model: str | None

    @classmethod
    def of(cls, translation: NoteTranslation) -> "NoteTranslationOut":
        """Show one."""
        return cls(
            language=translation.language,
            status=translation.status,
            text=translation.text,
            reason=translation.reason,
            model=translation.model,
        )


class NoteOut(BaseModel):
    """A note with its translations. `version` rises with each edit."""

    id: str
    title: str
    original_text: str
    original_language: str
    version: int
    created_at: dt.datetime
    changed_at: dt.datetime
    translations: list[NoteTranslationOut]

    @classmethod
    def of(cls, note: Note) -> "NoteOut":
        """Show one."""
        return cls(
            id=note.note_id,
            title=note.draft.title,
            original_text=note.draft.original_text,
            original_language=note.draft.original_language,
            version=note.version,
            created_at=note.created_at,
            changed_at=note.changed_at,
            translations=[NoteTranslationOut.of(one) for one in note.translations],
        )


class NotesOut(BaseModel):
    """A page of notes, newest first. `next` is the address of the next one, null where there is none."""

    count: int
    next: str | None
    results: list[NoteOut]


class Listing(BaseModel):
    """Which notes to list."""

    model_config = ConfigDict(extra="forbid")

    language: Language | None = None
    status: TranslationStatus | None = Field(default=None, description="With a translation in this status.")
    text: str | None = Field(default=None, min_length=1, max_length=200, description="In title or text.")
    limit: int = Field(default=20, ge=1, le=MAX_PAGE)
    cursor: int | None = Field(default=None, ge=1, le=LARGEST_NUMBER, description="As `next` has it.")


async def _reads(request: Request, gateway: TheGateway) -> NoteReads:
    """Give the app's kept notes."""
    state = request.app.state
    if not hasattr(state, "note_reads"):
        state.note_reads = NoteReads(gateway.pipeline.notes, _body, gateway.measures.note_read)
    reads: NoteReads = state.note_reads
    return reads


def _body(note: Note) -> bytes:
    return NoteOut.of(note).model_dump_json().encode()


@router.post("/", status_code=HTTPStatus.CREATED)
def create(given: NoteIn, gateway: TheGateway, response: Response) -> NoteOut:
    """Keep a new note."""
    draft = NoteDraft(given.title.strip(), given.original_text, given.original_language)
    note = gateway.pipeline.notes.create(draft)
    response.headers["Location"] = f"{router.prefix}/{note.note_id}/"
    return NoteOut.of(note)


@router.get("/")
def list_notes(request: Request, gateway: TheGateway, wanted: Annotated[Listing, Query()]) -> NotesOut:
    """List notes, newest first."""
    notes = gateway.pipeline.notes
    which = NoteFilter(wanted.language, wanted.status, wanted.text)
    page = notes.page(which, limit=wanted.limit, before=wanted.cursor)
    following = None
    if page.next_number is not None:
        address = request.url.include_query_params(cursor=page.next_number)
        following = f"{address.path}?{address.query}"
    return NotesOut(count=notes.count(which), next=following, results=[NoteOut.of(note) for note in page.notes])


@router.get("/{note_id}/", response_model=NoteOut)
def get(note_id: NoteId, request: Request, reads: Annotated[NoteReads, Depends(_reads)]) -> Response:
    """Give a note with its translations, as it is at the moment of the request."""
    with _known(note_id):
        revision, body = reads.read(note_id)
    tag = f'"{revision}"'
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
    return Response(body, headers={"ETag": tag, "Cache-Control": "no-cache"}, media_type="application/json")


@router.patch("/{note_id}/")
def edit(note_id: NoteId, given: NoteEdit, gateway: TheGateway) -> NoteOut:
    """Change a note. Where its text or language changes, its translations are outdated: ask for them again."""
    changes = given.model_dump(exclude={"version"}, exclude_none=True)
    if "title" in changes:
        changes["title"] = changes["title"].strip()
    try:
        with _known(note_id):
            return NoteOut.of(gateway.pipeline.notes.edit(note_id, changes, version=given.version))
    except NoteChanged as error:
        raise Conflict(error.subject, expected=error.expected, found=error.found, remedy=error.remedy) from error


@router.delete("/{note_id}/", status_code=HTTPStatus.NO_CONTENT)
def delete(note_id: NoteId, gateway: TheGateway) -> None:
    """Remove a note and its translations."""
    with _known(note_id):
        gateway.pipeline.notes.delete(note_id)
    forget(gateway.instance, note_id)


@router.post(
    "/{note_id}/translate/",
    status_code=HTTPStatus.ACCEPTED,
    responses={200: {"model": NoteTranslationOut, "description": "It is done already."}},
)
def translate(
    note_id: NoteId, given: TranslateIn, gateway: TheGateway, request: Request, response: Response
) -> NoteTranslationOut:
    """Have a note translated; GET the note to see how far it is. What is done for this text already is given: 200."""
    with _known(note_id):
        _require_pair(gateway, gateway.pipeline.notes.language(note_id), given.target_language)
        asked = gateway.pipeline.notes.ask(note_id, given.target_language)
    if asked.status is TranslationStatus.DONE:
        response.status_code = HTTPStatus.OK
    elif asked.status is TranslationStatus.PENDING:
        gateway.lane.submit_note(note_id, request_id_of(request.scope))
    return NoteTranslationOut.of(asked)


def _require_pair(gateway: Gateway, source: str, target: str) -> None:
    """Refuse what no model translates."""
    if source == target:
        raise RequestInvalid(
            "target_language",
            expected="another language than the note's own",
            found=repr(target),
            remedy="Name the language that you want to read it in.",
        )
    pairs = gateway.pipeline.tools.translator.pairs()
    if (source, target) not in pairs:
        there = ", ".join(f"{one} to {other}" for one, other in sorted(pairs))
        raise RequestInvalid(
            "target_language",
            expected=f"a pair that there is a model for: {there}",
            found=f"{source} to {target}",
            remedy="Ask for one of these, or have a model for it installed.",
        )


@contextmanager
def _known(note_id: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise NotFound(
            f"note {note_id}", expected="one that was made", found="none", remedy=f"GET {router.prefix}/ lists them."
        ) from error
