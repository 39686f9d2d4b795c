"""Word error rates, held against jiwer's."""

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.word_errors import WordErrors, spoken_words, word_error_rate

FEW_WORDS = st.sampled_from(["a", "b", "don't", "see", "zwölf"])
TEXTS = st.lists(FEW_WORDS, min_size=1, max_size=150)


@given(TEXTS, st.lists(FEW_WORDS, max_size=150))
def test_as_few_errors_as_jiwer_finds(spoken: list[str], recognised: list[str]) -> None:
    found = word_error_rate(" ".join(spoken), " ".join(recognised))
    expected = jiwer.process_words(" ".join(spoken), " ".join(recognised))
    assert found.errors == expected.substitutions + expected.deletions + expected.insertions
    assert found.rate == pytest.approx(expected.wer)
    assert min(found.substitutions, found.deletions, found.insertions) >= 0
    assert found.words == len(spoken)
    assert found.words - found.deletions + found.insertions == len(recognised)


@given(TEXTS, st.lists(st.tuples(st.integers(0, 149), st.sampled_from(["x", "y", ""])), max_size=12))
def test_a_text_with_a_few_changes_has_no_more_errors_than_changes(
    spoken: list[str], changes: list[tuple[int, str]]
) -> None:
    changed = list(spoken)
    for place, word in changes:
        changed[place % len(changed)] = word
    assert word_error_rate(" ".join(spoken), " ".join(changed)).errors <= len(changes)


@pytest.mark.parametrize(
    ("spoken", "recognised", "errors"),
    [
        ("The cat sat.", "the cat sat", WordErrors(3)),
        ("the cat sat", "the dog sat", WordErrors(3, substitutions=1)),
        ("the cat sat", "the sat", WordErrors(3, deletions=1)),
        ("the cat sat", "the cat sat down", WordErrors(3, insertions=1)),
        ("one", "", WordErrors(1, deletions=1)),
        ("", "one two", WordErrors(0, insertions=2)),
        ("one", "two one three", WordErrors(1, insertions=2)),
    ],
)
def test_errors_are_told_apart(spoken: str, recognised: str, errors: WordErrors) -> None:
    assert word_error_rate(spoken, recognised) == errors


def test_case_punctuation_and_the_kind_of_apostrophe_do_not_count() -> None:
    assert spoken_words("“Don’t—” said O'Neil, twenty-one; rock 'n' roll_ ＡＢＣ.") == [
        "don't",
        "said",
        "o'neil",
        "twenty",
        "one",
        "rock",
        "n",
        "roll",
        "abc",
    ]
    assert spoken_words(" … —\n") == []


def test_a_sum_weighs_by_words_and_nothing_has_no_rate() -> None:
    assert (WordErrors(90, 1, 2, 3) + WordErrors(10, deletions=4)).rate == pytest.approx(0.1)
    assert WordErrors().rate is None
    assert WordErrors(2, insertions=3).rate == 1.5
