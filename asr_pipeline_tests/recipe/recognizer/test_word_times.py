"""Word times from what each synthesizer tells."""

import pytest

from models.recipe.recognizer.scores.test_sets import told_starts
from models.recipe.recognizer.voices.espeak import word_starts
from models.recipe.recognizer.voices.speech import ends_from_starts, join_tokens


def test_espeaks_events_are_found_by_their_place_in_the_text() -> None:
    assert word_starts("go to it", [(0, 0), (3, 4000), (6, 8000)], 16_000) == [0.0, 0.25, 0.5]


def test_a_word_told_with_the_one_before_shares_its_start() -> None:
    assert word_starts("out of the box", [(0, 0), (4, 1600), (11, 8000)], 16_000) == [0.0, 0.1, 0.1, 0.5]


def test_the_second_of_two_events_in_a_word_is_passed_over() -> None:
    assert word_starts("o'clock now", [(0, 0), (2, 800), (8, 1600)], 16_000) == [0.0, 0.1]


def test_a_word_ends_where_the_next_later_one_starts() -> None:
    assert ends_from_starts([0.0, 0.1, 0.1, 0.5], 0.9) == ((0.0, 0.1), (0.1, 0.5), (0.1, 0.5), (0.5, 0.9))


def test_tokens_are_joined_to_words() -> None:
    tokens = [("laura", 0.0, 0.3), ("'s", 0.3, 0.4), ("hat", 0.5, 0.8)]
    assert join_tokens("laura's hat", tokens) == ((0.0, 0.4), (0.5, 0.8))


def test_as_many_tokens_as_words_are_the_words() -> None:
    assert join_tokens("i read a", [("i", 0, 1), ("red", 1, 2), ("_a", 2, 3)]) == ((0, 1), (1, 2), (2, 3))


def test_a_word_said_letter_by_letter_is_one_word() -> None:
    spelled = [("the", 0.0, 0.1), ("r", 0.1, 0.2), ("_a", 0.2, 0.3), ("z", 0.3, 0.4), ("r", 0.4, 0.5)]
    assert join_tokens("the razr", spelled) == ((0.0, 0.1), (0.1, 0.5))


@pytest.mark.parametrize("tokens", [[("something", 0.0, 1.0)], [("go", 0, 1), ("to", 1, 2), ("it", 2, 3)]])
def test_other_tokens_are_not_the_words(tokens: list[tuple[str, float, float]]) -> None:
    assert len(join_tokens("go home", tokens)) != 2


def test_starts_that_two_words_share_are_not_told() -> None:
    assert told_starts([0.0, 0.1, 0.1, 0.5]) == [0.0, None, None, 0.5]
