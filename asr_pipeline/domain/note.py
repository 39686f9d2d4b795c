"""Notes: short texts that people type, and their translations. The rules of what a note may be.

A note's `version` rises with each edit, `text_version` with those that change what is translated. A translation belongs
to one text version: the edit that makes another one makes the translation outdated, and its text is gone.
"""

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum

from asr_pipeline.domain.errors import NoteInvalid
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, is_language_code

MAX_TITLE_CHARS = 200
MAX_TEXT_CHARS = 20_000
MAX_DEATHS = 3  # a text in whose translation the process died so often is not tried again
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # controls; halves of characters
_NO_TITLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # nor ends of lines


class TranslationStatus(StrEnum):
    """Where a translation of a note stands. OUTDATED: its text was edited since; ask again to have it."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class NoteDraft:
    """What a person writes."""

    title: str
    original_text: str
    original_language: str = SOURCE_LANGUAGE


@dataclass(frozen=True, slots=True)
class NoteTranslation:
    """A note in another language. `text` is there where it is done, `reason` where it failed, also for the time being.

    `model` says what made it.
    """

    language: str
    status: TranslationStatus
    text: str | None = None
    reason: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A note as it is kept. `revision` rises with all that a reader could see: edits and steps of translations."""

    note_id: str
    draft: NoteDraft
    version: int
    revision: int
    created_at: dt.datetime
    changed_at: dt.datetime
    translations: tuple[NoteTranslation, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteWork:
    """A translation that one run has taken on: which text, in which version, from and into which language."""

    note_id: str
    title: str
    text: str
    text_version: int
    source: str
    target: str


def checked(draft: NoteDraft) -> NoteDraft:
    """Give a draft that keeps to the rules. Raises NoteInvalid for any other."""
    _require_text("title", draft.title, MAX_TITLE_CHARS, _NO_TITLE)
    _require_text("original_text", draft.original_text, MAX_TEXT_CHARS, _NO_TEXT)
    if not is_language_code(draft.original_language):
        raise _invalid("original_language", "an ISO 639 code such as 'en'", repr(draft.original_language[:20]))
    return draft


def _require_text(subject: str, text: str, max_chars: int, refused: re.Pattern[str]) -> None:
    if not text.strip():
        raise _invalid(subject, "some text", "none")
    if len(text) > max_chars:
        raise _invalid(subject, f"at most {max_chars:,} characters", f"{len(text):,}")
    if found := refused.search(text):
        raise _invalid(subject, "text without control characters", f"the character U+{ord(found[0]):04X}")


def _invalid(subject: str, expected: str, found: str) -> NoteInvalid:
    return NoteInvalid(subject, expected=expected, found=found, remedy="Change it, and send it again.")
