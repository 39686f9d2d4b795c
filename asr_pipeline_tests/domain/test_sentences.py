"""Written text in sentences, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.sentences import divide, join, sentences


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two? Three! Four", ["One.", "Two?", "Three!", "Four"]),
        ("A line\nand another\r\n\r\nA paragraph.", ["A line", "and another", "A paragraph."]),
        ("Call Dr. Smith. He is in.", ["Call Dr. Smith.", "He is in."]),
        ("Write to J. Doe, i.e. me.", ["Write to J. Doe, i.e. me."]),
        ('"Stop!" she said. (Really.) Yes.', ['"Stop!" she said.', "(Really.)", "Yes."]),
        ("It costs 3.50 today. 20 people came.", ["It costs 3.50 today.", "20 people came."]),
        ("- milk\n  * bread\n1. eggs\n(2) tea\n# Title", ["milk", "bread", "eggs", "tea", "Title"]),
        ("[ ] call\n[x] write", ["call", "write"]),
        ("سلام. حالت چطور است؟ خوبم", ["سلام.", "حالت چطور است؟", "خوبم"]),
        ("--- \n...\n!!", []),
        ("He said no. Then he left.", ["He said no.", "Then he left."]),
        ("1984 was a year.", ["1984 was a year."]),
        ("Wait... what? ok", ["Wait... what? ok"]),
    ],
)
def test_sentences_are_found(text: str, found: list[str]) -> None:
    assert sentences(divide(text)) == found


def test_other_sentences_take_their_places() -> None:
    text = "Shopping:\n\n  - Buy milk. Buy bread.\n\n\tThen rest!  \n"
    parts = divide(text)
    assert join(parts, [one.upper() for one in sentences(parts)]) == text.upper()
    assert join(parts, ["a", "b", "c", "d"]) == "a\n\n  - b c\n\n\td  \n"


@given(st.text(st.sampled_from(" \n\r\t.?!-*1)ab.\u2028»'\"سA")))
def test_nothing_is_lost_between_sentences(text: str) -> None:
    parts = divide(text)
    assert "".join(parts) == text
    assert len(parts) % 2 == 1
    for sentence in sentences(parts):
        assert sentence == sentence.strip()
        assert "\n" not in sentence
    assert not any(character.isalpha() for between in parts[::2] for character in between)


@pytest.mark.parametrize("text", [" " * 20_000, "- " * 10_000, ". " * 10_000, '."' * 10_000, "1. " * 6_000])
def test_long_runs_of_marks_come_to_an_end(text: str) -> None:  # within pytest's own limit: no backtracking
    assert "".join(divide(text)) == text
