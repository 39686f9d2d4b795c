"""Persian spelling and conjugation against forms that a grammar book would print."""

import pytest

from models.recipe.phrasebook.persian_spelling import ezafe, plural, possessive
from models.recipe.phrasebook.persian_verbs import PERSONS, VERBS, conjugate


@pytest.mark.parametrize(
    ("word", "linked"),
    [
        ("خانه", "خانه‌ی"),
        ("فرودگاه", "فرودگاه"),
        ("گروه", "گروه"),
        ("قهوه", "قهوه‌ی"),
        ("هوا", "هوای"),
        ("مترو", "متروی"),
        ("گوشی", "گوشی"),
        ("کتاب", "کتاب"),
        ("گاو", "گاو"),
    ],
)
def test_ezafe_is_written_after_vowels_alone(word: str, linked: str) -> None:
    assert ezafe(word) == linked


@pytest.mark.parametrize(
    ("word", "owner", "expected"),
    [
        ("کتاب", "my", "کتابم"),
        ("خانه", "my", "خانه‌ام"),
        ("خانه", "our", "خانه‌مان"),
        ("گوشی", "his", "گوشی‌اش"),
        ("پا", "your", "پایتان"),
        ("دارو", "their", "دارویشان"),
    ],
)
def test_possessives_follow_the_last_sound(word: str, owner: str, expected: str) -> None:
    assert possessive(word, owner) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("کتاب", "کتاب‌ها"), ("بچه", "بچه‌ها"), ("مدیر", "مدیرها"), ("پا", "پاها")]
)
def test_plurals_have_a_half_space_where_letters_would_join(word: str, expected: str) -> None:
    assert plural(word) == expected


@pytest.mark.parametrize(
    ("infinitive", "tense", "person", "expected"),
    [
        ("رفتن", "pres", 1, "می‌روم"),
        ("رفتن", "nsubj", 5, "نروید"),
        ("آمدن", "pres", 4, "می‌آییم"),
        ("آمدن", "subj", 3, "بیاید"),
        ("آمدن", "npast", 6, "نیامدند"),
        ("آوردن", "nperf", 1, "نیاورده‌ام"),
        ("انداختن", "subj", 1, "بیندازم"),
        ("انداختن", "npast", 3, "نینداخت"),
        ("انداختن", "nsubj", 3, "نیندازد"),
        ("برگشتن", "pres", 3, "برمی‌گردد"),
        ("برگشتن", "nsubj", 1, "برنگردم"),
        ("نگه داشتن", "pres", 3, "نگه می‌دارد"),
        ("کردن", "subj", 4, "کنیم"),
        ("دیدن", "perf", 3, "دیده است"),
        ("گفتن", "pres", 5, "می‌گویید"),
    ],
)
def test_verbs_are_conjugated(infinitive: str, tense: str, person: int, expected: str) -> None:
    assert conjugate(infinitive, tense, person) == ("", expected)


def test_progressive_tenses_agree_twice() -> None:
    assert conjugate("خوردن", "prog", 6) == ("دارند", "می‌خورند")
    assert conjugate("خوردن", "pprog", 1) == ("داشتم", "می‌خوردم")


def test_every_verb_has_every_form() -> None:
    tenses = "pres npres subj nsubj past npast imperf prog pprog perf nperf".split()
    forms = {conjugate(verb, tense, person) for verb in VERBS for tense in tenses for person in PERSONS}
    assert all(" " not in verb.removeprefix("نگه ").removesuffix(" است") for _, verb in forms)
