"""Words get their sounds from CMUdict, by hand, by rule, and from espeak-ng last."""

import shutil

import pytest

from models.recipe.recognizer.acoustics import pronunciations
from models.recipe.recognizer.acoustics.phones import CMU_PHONES

DICTIONARY = {
    "book": [["B", "UH1", "K"]],
    "bus": [["B", "AH1", "S"]],
    "read": [["R", "EH1", "D"], ["R", "IY1", "D"], ["R", "EH2", "D"]],
    "the": [["DH", "AH0"], ["DH", "AH1"], ["DH", "IY0"]],
    "many": [["M", "EH1", "N", "IY0"], ["M", "IH1", "N"], ["M", "AH1"], ["M", "OW1"]],
}


def said(word: str) -> tuple[str, ...]:
    return pronunciations.pronunciations([word], DICTIONARY)[word]


def test_stress_goes_and_equal_variants_with_it() -> None:
    assert said("read") == ("R EH D", "R IY D")


def test_what_is_written_by_hand_comes_first() -> None:
    assert said("the") == ("DH AH", "DH IY")


def test_there_are_three_at_most() -> None:
    assert len(said("many")) == pronunciations.MOST_VARIANTS


@pytest.mark.parametrize(
    ("word", "phones"),
    [("books", "B UH K S"), ("bus's", "B AH S AH Z"), ("book's", "B UH K S"), ("leila's", "L EY L AH Z")],
)
def test_endings_follow_the_last_sound(word: str, phones: str) -> None:
    assert said(word) == (phones,)


def test_unknown_is_spoken_noise() -> None:
    assert pronunciations.with_unknown({"a": ("AH",)}) == {"a": ("AH",), "[unk]": ("SPN",)}
    assert "[unk]" not in pronunciations.pronunciations(["[unk]", "bus"], DICTIONARY)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="needs Debian's espeak-ng")
@pytest.mark.parametrize(("word", "phones"), [("zork", "Z AO R K"), ("blicket", "B L IH K IH T")])
def test_espeak_guesses_the_rest(word: str, phones: str) -> None:
    guessed = said(word)[0]
    assert set(guessed.split()) <= set(CMU_PHONES)
    assert guessed == phones
