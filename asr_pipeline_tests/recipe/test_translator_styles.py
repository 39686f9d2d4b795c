"""The spellings in which training lines come."""

import random
import re

from models.recipe.phrasebook import writing
from models.recipe.translator import styles


def test_recognizer_lines_have_no_marks_and_end_openly() -> None:
    assert styles.recognizer("Is it $25, Sara?", "آیا ۲۵ دلار است، سارا؟") == (
        "is it $25 sara",
        "آیا ۲۵ دلار است، سارا؟",
    )
    assert styles.recognizer("I know.", "می‌دانم.") == ("i know", "می‌دانم")


def test_unknown_names_are_the_same_on_both_sides() -> None:
    rng = random.Random(1)
    line = styles.with_unknown_name("Please call Sara.", "لطفاً به سارا زنگ بزنید.", {"sara": "سارا"}, rng)
    assert line is not None
    name = re.fullmatch(r"Please call (\w+)\.", line[0])
    assert name is not None
    assert line[1] == f"لطفاً به {name.group(1).lower()} زنگ بزنید."
    assert styles.with_unknown_name("Please call me.", "به من زنگ بزنید.", {"sara": "سارا"}, rng) is None


def test_a_name_inside_another_word_is_left_alone() -> None:
    rng = random.Random(1)
    assert styles.with_unknown_name("Rome is old.", "رم‌ها قدیمی است.", {"rome": "رم"}, rng) is None


def test_hesitation_adds_sounds_and_takes_nothing_away() -> None:
    rng = random.Random(2)
    sentence = "please call my mother at five o'clock"
    for _ in range(50):
        heard = writing.hesitant(sentence, rng).split()
        left = [word for place, word in enumerate(heard) if word not in {"um", "uh", "er", "well"}]
        collapsed = [word for place, word in enumerate(left) if place == 0 or word != left[place - 1]]
        assert collapsed == sentence.split()


def test_a_misheard_line_differs_in_one_place() -> None:
    rng = random.Random(3)
    sentence = "give the book to your brother".split()
    for _ in range(50):
        heard = styles.misheard(" ".join(sentence), rng).split()
        assert len(sentence) - len(heard) in (0, 1)
        assert len(set(heard) - set(sentence)) <= 1


def test_clauses_are_joined_as_one_sentence() -> None:
    rng = random.Random(4)
    first, second = ("I am tired.", "خسته هستم."), ("Sara is at home.", "سارا در خانه است.")
    line = next(
        line for _ in range(50) if (line := styles.clauses(first, second, frozenset({"sara"}), rng)) and "." in line[0]
    )
    assert re.fullmatch(r"I am tired (and|but|because|so) Sara is at home\.", line[0])
    assert styles.clauses(("Is it late?", "دیر است؟"), second, frozenset(), rng) is None


def test_signs_replace_words_beside_figures_alone() -> None:
    texts = {styles.with_signs("It is 25 dollars, 10 percent more.", random.Random(seed)) for seed in range(20)}
    assert "It is $25, 10% more." in texts
    assert styles.with_signs("Twenty dollars, ten percent.", random.Random(1)) == "Twenty dollars, ten percent."
