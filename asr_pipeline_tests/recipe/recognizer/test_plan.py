"""The plan is the same every time, and keeps back what the tests are to be new with."""

from dataclasses import replace

import pytest

from models.recipe.recognizer import plan
from models.recipe.recognizer.sentences import Sentence
from models.recipe.recognizer.size import DRY_RUN
from models.recipe.recognizer.voices.catalogue import UNSEEN_VOICES
from models.recipe.recognizer.voices.human_digits import HELD_OUT_SPEAKERS

WORDS = "red green blue white black brown gray pink gold silver".split()
SENTENCES = [
    Sentence(f"the {a} bird saw the {b} cat", "", held_out=(n + m) % 7 == 0)
    for n, a in enumerate(WORDS)
    for m, b in enumerate(WORDS)
]
UNKNOWN = plan.UnknownWords(("zork", "blicket"), ("dax", "wug"))
SIZE = replace(DRY_RUN, phrase_utterances=300, held_out_sentences=10)


def test_the_same_sentences_give_the_same_plan() -> None:
    assert plan.select(SENTENCES, SIZE) == plan.select(reversed(SENTENCES), SIZE)
    selection = plan.select(SENTENCES, SIZE)
    assert plan.training_plan(selection, UNKNOWN, SIZE) == plan.training_plan(selection, UNKNOWN, SIZE)
    assert plan.test_plans(selection, UNKNOWN, SIZE) == plan.test_plans(selection, UNKNOWN, SIZE)


def test_held_out_sentences_are_never_spoken_in_training() -> None:
    selection = plan.select(SENTENCES, SIZE)
    kept_back = {sentence.english for sentence in SENTENCES if sentence.held_out}
    assert set(selection.held_out) <= kept_back
    assert not kept_back & {utterance.text for utterance in plan.training_plan(selection, UNKNOWN, SIZE)}


def test_unseen_voices_and_people_are_never_heard_in_training() -> None:
    voices = {(u.engine, u.voice) for u in plan.training_plan(plan.select(SENTENCES, SIZE), UNKNOWN, SIZE)}
    variants = {voice.partition("+")[2] for engine, voice in voices if engine == "espeak"}
    assert not variants & {voice.name.partition("+")[2] for voice in UNSEEN_VOICES if voice.engine == "espeak"}
    assert ("festival", "ked_diphone") not in voices
    assert not {voice for engine, voice in voices if engine == "human"} & set(HELD_OUT_SPEAKERS)


def test_each_kind_is_there_as_often_as_asked() -> None:
    found = plan.training_plan(plan.select(SENTENCES, SIZE), UNKNOWN, SIZE)
    kinds = [utterance.utterance_id.rstrip("0123456789") for utterance in found]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "phrase": SIZE.phrase_utterances,
        "digits": SIZE.digit_strings,
        "unknown": SIZE.unknown_word_utterances,
        "sound": SIZE.sounds,
    }
    assert len({utterance.utterance_id for utterance in found}) == len(found)


def test_sentences_with_rare_words_come_first() -> None:
    rare = Sentence("a unique word", "", held_out=False)
    common = [Sentence(f"the cat saw {word} cats", "", held_out=False) for word in WORDS] * 10
    assert "a unique word" in plan.select([*common, rare], replace(SIZE, phrase_utterances=11)).training


def test_words_that_sound_like_a_known_one_are_not_unknown() -> None:
    dictionary = {"red": [["R", "EH1", "D"]], "reed": [["R", "IY1", "D"]], "redd": [["R", "EH1", "D"]]}
    found = plan.unknown_words(dictionary, {"red"})
    assert {*found.training, *found.held_out} == {"reed"}


def test_the_tests_unknown_words_are_others_than_the_trainings() -> None:
    dictionary = {f"{a}{b}word": [["W"]] for a in "abcdefghij" for b in "abcdefghij"}
    found = plan.unknown_words(dictionary, set())
    assert not set(found.training) & set(found.held_out)
    assert 5 < len(found.held_out) < 40


def test_no_sentences_is_an_error() -> None:
    with pytest.raises(ValueError, match="no sentences"):
        plan.training_plan(plan.Selection((), ()), UNKNOWN, SIZE)
