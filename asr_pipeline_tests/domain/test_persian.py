import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.persian import ZWNJ, PersianDigits, normalise


def test_arabic_letters_become_persian() -> None:
    assert normalise("كتابي على") == "کتابی علی"


def test_presentation_forms_become_letters() -> None:
    assert normalise("\ufedb\ufe98\ufe8e\ufe8f") == "کتاب"


@pytest.mark.parametrize(
    ("digits", "shown"),
    [
        ("persian", "۱۲ و ۳۴ و ۵۶"),
        ("latin", "12 و 34 و 56"),
        ("as-is", "12 و ۳۴ و ٥٦"),
    ],
)
def test_digits_follow_the_setting(digits: PersianDigits, shown: str) -> None:
    assert normalise("12 و ۳۴ و ٥٦", digits) == shown


def test_latin_names_keep_their_digits_and_marks() -> None:
    assert normalise("فایل MP3, نسخهٔ 2") == "فایل MP3، نسخهٔ ۲"
    assert normalise("ali7@example.com") == "ali7@example.com"


def test_punctuation_is_persian() -> None:
    assert normalise("خوبی? بله, خوبم; 12,250") == "خوبی؟ بله، خوبم؛ ۱۲,۲۵۰"


def test_mark_stands_at_its_word() -> None:
    assert normalise("سلام . خوبی ؟") == "سلام. خوبی؟"


def test_joiner_is_kept_within_a_word() -> None:
    assert normalise(f"می{ZWNJ}خواهند سه{ZWNJ}شنبه{ZWNJ}ی") == f"می{ZWNJ}خواهند سه{ZWNJ}شنبه{ZWNJ}ی"


def test_joiner_without_work_is_dropped() -> None:
    assert normalise(f"{ZWNJ}می{ZWNJ}{ZWNJ}روم{ZWNJ} خانه{ZWNJ}") == f"می{ZWNJ}روم خانه"


@given(st.text("کيىك ابپ،؟.,;?: 09\u06f5\u0665aZ+\u200c\u0651\u0654", max_size=30))
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert not set(once) & set("يىك")
