"""Terms in sentences: what is found, what is named, what is told when it is missing."""

import random
import re
import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.glossary import (
    MAX_TERM_CHARS,
    NO_GLOSSARY,
    Glossary,
    GlossaryEntry,
    fingerprint,
    folded,
    glossary_entry,
    missing_terms,
)
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import Translation, TranslationSet


def glossary(*terms: str) -> Glossary:
    """Give a glossary in which each term becomes "X term"."""
    return Glossary(glossary_entry(term, f"X {term}", "de") for term in terms)


def found(sentence: str, *terms: str) -> list[str]:
    return [match.entry.term for match in glossary(*terms).find(sentence)]


@pytest.mark.parametrize(
    ("sentence", "terms", "expected"),
    [
        ("The Camera in the garden.", ["camera"], ["camera"]),
        ("the cameraman", ["camera"], []),
        ("a webcamera", ["camera"], []),
        ("two cameras", ["camera"], ["camera"]),
        ("the camera's lens, the cameras' price", ["camera"], ["camera", "camera"]),
        ("the bus, the buss", ["bus"], ["bus"]),
        ("as it is", ["a", "i", "it"], ["it"]),
        ("the  train\nstation", ["train station", "train"], ["train station"]),
        ("new york city hall", ["new york", "york city hall"], ["york city hall"]),
        ("one two one", ["one"], ["one", "one"]),
        ("two keys", ["key", "keys"], ["keys"]),
        ("Daniel's car", ["daniel", "car"], ["daniel", "car"]),
        ("O\u2019Brien called", ["o'brien"], ["o'brien"]),
        ("I know C++ and .NET, not C", ["c++", ".net", "c"], ["c++", ".net", "c"]),
        ("CAFE\u0301 Straße", ["café", "STRASSE"], ["café", "strasse"]),
        ("ﬁne ＡＢＣ", ["fine", "abc"], ["fine", "abc"]),
        ("", ["camera"], []),
    ],
)
def test_terms_are_found_as_whole_words_the_longest_first(sentence: str, terms: list[str], expected: list[str]) -> None:
    assert found(sentence, *terms) == expected


def test_a_match_knows_its_place_its_plural_and_its_owner() -> None:
    sentence = "I saw my cameras."
    (match,) = glossary("camera").find(sentence)
    assert folded(sentence)[match.start : match.end] == "cameras"
    assert match.plural
    assert match.owner == "my"
    (match,) = glossary("camera").find("the new camera")
    assert (match.plural, match.owner) == (False, "")


WORDS = st.text(string.ascii_lowercase[:3], min_size=1, max_size=3)
TERMS = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
SENTENCES = st.lists(WORDS, max_size=12).map(" ".join)
ENTRIES = st.lists(st.builds(GlossaryEntry, TERMS, TERMS), max_size=8, unique_by=lambda entry: entry.term)


@given(SENTENCES, ENTRIES)
def test_matches_are_terms_in_order_without_overlap_and_none_gives_way_to_a_shorter(
    sentence: str, entries: list[GlossaryEntry]
) -> None:
    matches = Glossary(entries).find(sentence)
    for match in matches:
        assert sentence[match.start : match.end].removesuffix("s") == match.entry.term
        assert sentence[match.end : match.end + 1] in {"", " "}
    for one, two in pairwise(matches):
        assert one.end <= two.start
    for entry in entries:
        for place in re.finditer(rf"(?<!\w)(?={re.escape(entry.term)}(?!\w))", sentence):
            end = place.start() + len(entry.term)
            taken = [one for one in matches if one.start < end and place.start() < one.end]
            assert any(one.end - one.start >= len(entry.term) for one in taken), entry.term


@given(ENTRIES, st.lists(SENTENCES, max_size=5), ENTRIES, st.randoms(use_true_random=False))
def test_the_name_of_what_applies_depends_on_nothing_else(
    entries: list[GlossaryEntry], sentences: list[str], others: list[GlossaryEntry], chance: random.Random
) -> None:
    name = Glossary(entries).fingerprint(sentences)
    shuffled = chance.sample(entries, len(entries))
    unrelated = [GlossaryEntry(f"{entry.term} zz", entry.translation) for entry in others]
    assert Glossary([*unrelated, *shuffled]).fingerprint(chance.sample(sentences, len(sentences))) == name
    applicable = Glossary(entries).applicable(sentences)
    assert (name == "") == (not applicable)
    if applicable:
        first = applicable[0]
        changed = [GlossaryEntry(one.term, f"{one.translation} new") if one == first else one for one in entries]
        assert Glossary(changed).fingerprint(sentences) != name


@given(st.lists(st.builds(GlossaryEntry, TERMS, TERMS), max_size=5))
def test_a_name_is_of_a_set(entries: list[GlossaryEntry]) -> None:
    assert fingerprint(entries) == fingerprint([*reversed(entries), *entries])


@given(st.text(max_size=40), st.text(min_size=1, max_size=20))
def test_any_text_is_found_in_or_refused(sentence: str, term: str) -> None:
    try:
        entry = glossary_entry(term, "x", "fa")
    except SettingInvalid:
        return
    Glossary([entry]).find(sentence)
    assert [match.entry for match in Glossary([entry]).find(f"- {entry.term} -")] == [entry]


@pytest.mark.parametrize(
    ("term", "translation", "told"),
    [
        ("", "x", "term: expected some text, found none"),
        (" \t", "x", "found none"),
        ("x" * (MAX_TERM_CHARS + 1), "x", "at most 100 characters, found 101"),
        ("x", "y" * 201, "at most 200"),
        ("a\nb", "x", r"U\+000A"),
        ("a\x00", "x", r"U\+0000"),
        ("x", "\u202eabc", r"U\+202E"),
        ("x", "caf\udce9", r"U\+DCE9"),
        ("!?", "x", "a letter or a digit"),
        ("x", "!", "a letter or a digit"),
    ],
)
def test_what_is_no_term_is_refused_with_its_reason(term: str, translation: str, told: str) -> None:
    with pytest.raises(SettingInvalid, match=told):
        glossary_entry(term, translation, "fa")


def test_terms_and_translations_are_kept_in_one_spelling() -> None:
    entry = glossary_entry("  Train \u00a0 STATION ", " ايستگاه  راه\u200cآهن ", "fa")
    assert entry == GlossaryEntry("train station", "ایستگاه راه\u200cآهن")


@pytest.mark.parametrize(
    ("sentence", "translation", "used"),
    [
        ("The book is here.", "کتاب اینجاست.", True),
        ("The book is here.", "كتاب اینجاست.", True),
        ("The books are here.", "کتاب‌ها اینجا هستند.", True),
        ("My book is here.", "کتابم اینجاست.", True),
        ("The book is here.", "کتابم اینجاست.", False),
        ("The book is here.", "کتابخانه اینجاست.", False),
        ("The book is here.", "دفتر اینجاست.", False),
    ],
)
def test_a_term_is_used_where_it_stands_as_a_word_with_its_endings(
    sentence: str, translation: str, *, used: bool
) -> None:
    book = Glossary([glossary_entry("book", "کتاب", "fa")])
    assert (book.missing(sentence, translation) == []) is used


def test_what_is_missing_is_named_by_language_and_utterance() -> None:
    spoken = ("the camera", "no term", "a camera")
    transcript = Transcript(
        "r", "v", "m", "1", 8000, tuple(Utterance(i, 0, (Word(text, i, i + 1, 1.0),)) for i, text in enumerate(spoken))
    )
    texts = ("دوربین", "هیچ", "کمرا")
    translated = TranslationSet(
        "r", "fa", "a", "m", "1", tuple(Translation(i, "fa", text) for i, text in enumerate(texts))
    )
    terms = {"fa": Glossary([glossary_entry("camera", "دوربین", "fa")])}
    assert missing_terms(terms, transcript, [translated]) == ["fa: utterance 2: 'camera' is not 'دوربین'"]
    assert missing_terms({"fa": NO_GLOSSARY}, transcript, [translated]) == []
    assert missing_terms({}, transcript, [translated]) == []
