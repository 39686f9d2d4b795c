import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.bidi import LATIN_RUN, LRI, PDI, RLI, clean, is_right_to_left, isolate


def test_persian_line_stands_in_an_isolate() -> None:
    assert isolate("سلام.", "fa") == f"{RLI}سلام.{PDI}"


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_left_to_right_line_stays_as_it_is(language: str) -> None:
    assert isolate("Hello.", language) == "Hello."


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ما با C++ کار می‌کنیم.", "C++"),
        ("اسم او Daniel.", "Daniel"),
        ("من iPhone 15 را دارم", "iPhone 15"),
        ("ایمیل: ali@example.com!", "ali@example.com"),
        ("(Wi-Fi)", "Wi-Fi"),
    ],
)
def test_latin_name_has_an_isolate_that_leaves_the_lines_own_punctuation_outside(line: str, name: str) -> None:
    assert isolate(line, "fa") == f"{RLI}{line.replace(name, f'{LRI}{name}{PDI}')}{PDI}"


@given(st.text())
def test_isolates_are_balanced_and_hold_the_same_text(text: str) -> None:
    line = clean(text)
    shown = isolate(line, "fa")
    assert shown.count(RLI) + shown.count(LRI) == shown.count(PDI)
    assert shown.translate({ord(mark): None for mark in (RLI, LRI, PDI)}) == line


@given(st.text(max_size=20))
def test_clean_text_fits_every_format(text: str) -> None:
    line = clean(text)
    assert not {unicodedata.category(character) for character in line} & {"Cc", "Cs"}
    assert line == " ".join(line.split()) == clean(line)


def test_clean_drops_foreign_direction_marks_and_keeps_the_joiner() -> None:
    assert clean("\ufeff\u202bمی\u200cروم\u202c\u2067\n") == "می\u200cروم"


def test_clean_drops_half_a_surrogate_pair() -> None:
    assert clean("a\ud800b") == "a b"


def test_directions() -> None:
    assert [is_right_to_left(language) for language in ("fa", "ar", "he", "en", "de")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_digits_alone_are_no_latin_run() -> None:
    assert LATIN_RUN.search("۱۲ 34.5") is None
