"""Endings that a noun takes over from the one whose place it takes."""

import pytest

from asr_pipeline.domain.persian_endings import ezafe, forms, possessive, with_endings_of


@pytest.mark.parametrize(
    ("noun", "ending", "expected"),
    [
        ("کتاب", "م", "کتابم"),
        ("خانه", "م", "خانه‌ام"),
        ("خانه", "شان", "خانه‌شان"),
        ("خودرو", "ش", "خودرویش"),
        ("فرودگاه", "مان", "فرودگاهمان"),
        ("صندلی", "ت", "صندلی‌ات"),
        ("iPhone", "م", "iPhone‌ام"),
        ("۲۰۶", "م", "۲۰۶‌ام"),
    ],
)
def test_an_owner_is_written_as_the_noun_needs_it(noun: str, ending: str, expected: str) -> None:
    assert possessive(noun, ending) == expected
    assert noun in forms(noun, "my")


def test_a_tie_is_written_after_vowels_and_silent_he_alone() -> None:
    assert [ezafe(noun) for noun in ("هوا", "خانه", "کتاب", "صندلی")] == ["هوای", "خانه‌ی", "کتاب", "صندلی"]


@pytest.mark.parametrize(
    ("rendering", "owner", "plural", "next_word", "expected"),
    [
        ("دوربین", "", False, "خراب", "رایانه"),
        ("معلممان", "our", False, "تب", "رایانه‌مان"),
        ("معلممان", "", False, "تب", "رایانه"),
        ("گوشی‌ام", "my", False, "خراب", "رایانه‌ام"),
        ("فیلم", "my", False, "من", "رایانه"),
        ("کتابتان", "your", False, "کو", "رایانه‌تان"),
        ("کتابت", "your", False, "کو", "رایانه‌ات"),
        ("کلید‌ها", "", True, "در", "رایانه‌ها"),
        ("کلید‌ها", "", False, "در", "رایانه"),
        ("بلیت‌هایم", "my", True, "در", "رایانه‌هایم"),
        ("هوای", "", False, "تهران", "رایانه‌ی"),
        ("خانه‌ی", "", False, "جدید", "رایانه‌ی"),
        ("هوای", "", False, "", "رایانه"),
        ("م", "my", False, "", "رایانه"),
    ],
)
def test_clear_endings_are_taken_over(
    rendering: str, owner: str, next_word: str, expected: str, *, plural: bool
) -> None:
    assert with_endings_of(rendering, "رایانه", owner=owner, plural=plural, next_word=next_word) == expected
