"""What a note may be."""

import pytest

from asr_pipeline.domain.errors import NoteInvalid
from asr_pipeline.domain.note import MAX_TEXT_CHARS, MAX_TITLE_CHARS, NoteDraft, checked


def test_lines_paragraphs_and_any_script_are_text() -> None:
    draft = NoteDraft("یادداشت", "first line\r\n\tsecond\n\nدوم 🙂\u2028 نیم\u200cفاصله", "fa")
    assert checked(draft) == draft


@pytest.mark.parametrize(
    ("title", "text", "language", "told"),
    [
        (" ", "text", "en", "title: expected some text, found none"),
        ("a\nb", "text", "en", r"title: .*U\+000A"),
        ("a" * (MAX_TITLE_CHARS + 1), "text", "en", "title: expected at most 200 characters, found 201"),
        ("a", "\n", "en", "original_text: expected some text"),
        ("a", "a" * (MAX_TEXT_CHARS + 1), "en", "original_text: expected at most 20,000 characters, found 20,001"),
        ("a", "nul \x00", "en", r"original_text: .*U\+0000"),
        ("a", "half \ud800", "en", r"original_text: .*U\+D800"),
        ("a\u2028b", "text", "en", r"title: .*U\+2028"),
        ("a", "text", "EN", "original_language: .*'EN'"),
        ("a", "text", "english", "original_language"),
        ("a", "text", "e\n", "original_language"),
    ],
)
def test_what_is_no_note_is_refused_with_why(title: str, text: str, language: str, told: str) -> None:
    with pytest.raises(NoteInvalid, match=told):
        checked(NoteDraft(title, text, language))


def test_the_limits_themselves_are_allowed() -> None:
    draft = NoteDraft("a" * MAX_TITLE_CHARS, "b" * MAX_TEXT_CHARS)
    assert checked(draft) == draft
