"""Corrected words keep an utterance's times; corrections follow their utterances into a new transcript."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.corrections import Correction, TextInvalid, anchored, corrected_words, typed_text
from asr_pipeline.domain.transcript import Utterance, Word

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
WORDS = [
    Word("the", 1.0, 1.2, 0.9),
    Word("camera", 1.2, 1.8, 0.4),
    Word("in", 2.0, 2.1, 0.8),
    Word("bag", 2.2, 2.6, 0.7),
]


def corrected(text: str) -> list[tuple[str, float, float, float]]:
    return [(one.text, one.start_s, one.end_s, one.confidence) for one in corrected_words(WORDS, text)]


def test_a_word_in_place_of_another_takes_its_time() -> None:
    assert corrected("The cameras in bag") == [
        ("The", 1.0, 1.2, 0.9),
        ("cameras", 1.2, 1.8, 1.0),
        ("in", 2.0, 2.1, 0.8),
        ("bag", 2.2, 2.6, 0.7),
    ]


def test_more_words_share_the_time_of_those_they_replace() -> None:
    assert corrected("the cam era in bag")[1:3] == [("cam", 1.2, 1.5, 1.0), ("era", 1.5, 1.8, 1.0)]


def test_added_words_share_the_time_of_their_neighbour() -> None:
    assert corrected("the camera in my bag")[2:] == [
        ("in", 2.0, 2.05, 1.0),
        ("my", 2.05, 2.1, 1.0),
        ("bag", 2.2, 2.6, 0.7),
    ]
    assert corrected("see the camera in bag")[:2] == [("see", 1.0, 1.1, 1.0), ("the", 1.1, 1.2, 1.0)]


def test_the_utterance_keeps_its_times_when_its_ends_are_removed() -> None:
    assert corrected("camera in") == [("camera", 1.0, 1.8, 0.4), ("in", 2.0, 2.6, 0.8)]


@st.composite
def spoken(draw: st.DrawFn) -> list[Word]:
    """Give words one after another."""
    now, words = draw(st.floats(0, 1000)), []
    for text in draw(st.lists(st.sampled_from(["a", "b", "c", "dog"]), min_size=1, max_size=8)):
        start = round(now + draw(st.floats(0, 1)), 3)
        now = round(start + draw(st.floats(0, 2)), 3)
        words.append(Word(text, start, now, draw(st.floats(0, 1))))
    return words


@given(spoken(), st.lists(st.sampled_from(["a", "b", "c,", "dog", "Cat", "\u200cx"]), min_size=1, max_size=12))
def test_any_correction(words: list[Word], typed: list[str]) -> None:
    found = corrected_words(words, " ".join(typed))
    assert [one.text for one in found] == typed
    assert (found[0].start_s, found[-1].end_s) == (words[0].start_s, words[-1].end_s)
    times = [time for one in found for time in (one.start_s, one.end_s)]
    assert times == sorted(times)
    assert all(0 <= one.confidence <= 1 for one in found)


@given(spoken())
def test_the_same_text_changes_nothing(words: list[Word]) -> None:
    assert corrected_words(words, " ".join(one.text for one in words)) == tuple(words)


def revision(number: int, language: str = "en", *, index: int = 1, start_s: float = 5.0) -> Correction:
    return Correction(number, language, index, "the bag", start_s, "the bag", f"new {number}", "", NOW, applied=True)


def utterance(index: int, text: str, start_s: float) -> Utterance:
    return Utterance(index, 0, tuple(Word(one, start_s, start_s + 1, 1) for one in text.split()))


def test_a_correction_moves_with_its_utterance() -> None:
    spoken = [utterance(0, "the bag", 0), utterance(1, "new", 3), utterance(2, "the bag", 5.5)]
    revisions = [revision(1), revision(2), revision(3, "fa")]
    found = anchored(revisions, spoken)
    assert [(one.utterance_index, one.applied) for one in found] == [(2, False), (2, True), (2, True)]


def test_other_words_outdate_it_and_the_same_again_bring_it_back() -> None:
    lost = anchored([revision(1)], [utterance(1, "the back", 5)])
    assert lost == [replace(revision(1), applied=False)]
    assert anchored(lost, [utterance(0, "the bag", 5)])[0].applied
    assert not anchored([revision(1)], [utterance(1, "the bag", 9)])[0].applied  # another time


@pytest.mark.parametrize("text", ["", " \t\n", "!?", "a\x00b", "a" * 2001, "\ud800a", "a\u202eb"])
def test_what_is_no_text_is_refused(text: str) -> None:
    with pytest.raises(TextInvalid):
        typed_text(text, "en")


def test_a_text_is_one_line_and_persian_is_spelled_as_persians_do() -> None:
    assert typed_text(" a\n  b ", "en") == "a b"
    assert typed_text("كتاب‌هاي", "fa") == "کتاب‌های"
