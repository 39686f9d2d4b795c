"""The language model's probabilities are probabilities, and [unk] has a little of them."""

import math

import pytest

from models.recipe.recognizer.decoding import language_model
from models.recipe.recognizer.decoding.graph import grammar_acceptor
from models.recipe.recognizer.decoding.language_model import SENTENCE_END, SENTENCE_START

SENTENCES = ["the cat sat", "the cat ran", "the cat ran home", "a dog ran home", "the cat ran", "the dog sat"] * 2
VOCABULARY = {word for sentence in SENTENCES for word in sentence.split()} | {"never"}


@pytest.mark.parametrize("history", [(), ("the",), ("the", "cat"), (SENTENCE_START,), ("home",), ("cat", "ran")])
def test_what_may_follow_a_history_sums_to_one(history: tuple[str, ...]) -> None:
    model = language_model.train(SENTENCES, VOCABULARY)
    words = [*VOCABULARY, SENTENCE_END, "[unk]"]
    assert sum(model.probability(history, word) for word in words) == pytest.approx(1)


def test_seen_words_are_likelier_than_others_and_none_is_impossible() -> None:
    model = language_model.train(SENTENCES, VOCABULARY)
    assert model.probability(("the",), "cat") > model.probability(("the",), "dog") > model.probability(("the",), "home")
    assert model.probability(("the", "cat"), "never") > 0


def test_unknown_words_can_be_left_out() -> None:
    model = language_model.train(SENTENCES, VOCABULARY, unknown_probability=0)
    assert "[unk]" not in model.table[()][1]


def test_sentences_of_the_training_are_less_surprising() -> None:
    model = language_model.train(SENTENCES, VOCABULARY)
    assert language_model.perplexity(model, ["the cat ran home"]) < language_model.perplexity(model, ["home a the sat"])


def test_the_acceptor_gives_a_sentence_the_models_probability() -> None:
    model = language_model.train(SENTENCES, VOCABULARY)
    ids = {word: number for number, word in enumerate(sorted([*VOCABULARY, "[unk]"]), 1)}
    fst = grammar_acceptor(model, ids)
    state, cost = 0, 0.0
    for word in ["the", "cat", "ran"]:
        arc = next((arc for arc in fst.arcs[state] if arc.label_in == ids[word]), None)
        while arc is None:
            back = next(arc for arc in fst.arcs[state] if arc.label_in == 0)
            state, cost = back.to, cost + back.cost
            arc = next((arc for arc in fst.arcs[state] if arc.label_in == ids[word]), None)
        state, cost = arc.to, cost + arc.cost
    wanted = [((SENTENCE_START,), "the"), ((SENTENCE_START, "the"), "cat"), (("the", "cat"), "ran")]
    assert math.exp(-cost) == pytest.approx(math.prod(model.probability(*pair) for pair in wanted))
