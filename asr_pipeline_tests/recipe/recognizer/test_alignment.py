"""Which recognised word answers which spoken one, and what confidence is worth."""

import math

import pytest

from models.recipe.recognizer.scores.alignment import Pairing, align, area_under_curve


def test_equal_texts_pair_up() -> None:
    assert align(["a", "b"], ["a", "b"]) == [Pairing(0, 0, right=True), Pairing(1, 1, right=True)]


def test_a_word_left_out_and_one_put_in() -> None:
    assert align(["a", "b", "c"], ["a", "c"])[1] == Pairing(1, None, right=False)
    assert align(["a", "c"], ["a", "b", "c"])[1] == Pairing(None, 1, right=False)


@pytest.mark.parametrize(
    ("said", "heard", "errors"), [("", "", 0), ("", "a b", 2), ("a b", "", 2), ("a b c d", "b c x", 2)]
)
def test_errors_are_as_few_as_can_be(said: str, heard: str, errors: int) -> None:
    assert sum(not pair.right for pair in align(said.split(), heard.split())) == errors


def test_area_under_curve() -> None:
    assert area_under_curve([0.9, 0.8], [0.1, 0.2]) == 1
    assert area_under_curve([0.1], [0.9]) == 0
    assert area_under_curve([0.5, 0.5], [0.5]) == 0.5
    assert area_under_curve([0.9, 0.3], [0.5]) == 0.5
    assert math.isnan(area_under_curve([], [0.5]))
