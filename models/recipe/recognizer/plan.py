"""Who says what: the same plan from the same sentences, every time.

Held-out sentences are never spoken in training and never seen by the language model; unseen voices, and two of the six
people with digits, are never heard in it. Words outside the vocabulary come from CMUdict, one set for training and
another for the test.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.recipe.recognizer.acoustics.pronunciations import BY_HAND
from models.recipe.recognizer.sentences import Sentence
from models.recipe.recognizer.size import RecipeSize
from models.recipe.recognizer.voices.catalogue import TRAINING_VOICES, UNSEEN_VOICES, Voice, cast
from models.recipe.recognizer.voices.human_digits import DIGIT_WORDS, HELD_OUT_SPEAKERS, TRAINING_SPEAKERS
from models.recipe.recognizer.voices.non_speech import KINDS
from models.recipe.recognizer.voices.speech import Utterance

LONGEST_WORDS = 16
"""Longer sentences are left to the language model: short ones train faster."""

HELD_OUT_WORDS = (3, 14)
ENOUGH_OF_A_WORD = 25
"""Sentences with a rarer word come first, so that each word is spoken about this often."""

_SEED = 21
_UNKNOWN_LETTERS = (4, 10)


@dataclass(frozen=True, slots=True)
class Selection:
    """Sentences spoken in training, and those held out."""

    training: tuple[str, ...]
    held_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownWords:
    """Words outside the vocabulary: said in training, and said only in the test."""

    training: tuple[str, ...]
    held_out: tuple[str, ...]


def select(sentences: Iterable[Sentence], size: RecipeSize) -> Selection:
    """Choose sentences so that rare words are said often enough."""
    ordered = sorted(set(sentences), key=lambda sentence: sentence.english)
    random.Random(_SEED).shuffle(ordered)
    shortest, longest = HELD_OUT_WORDS
    kept_back = [s.english for s in ordered if s.held_out and shortest <= len(s.english.split()) <= longest]
    held_out = kept_back[: size.held_out_sentences]
    rest = [s.english for s in ordered if not s.held_out and len(s.english.split()) <= LONGEST_WORDS]
    spoken: Counter[str] = Counter()
    rare_first: list[str] = []
    for sentence in rest:
        if any(spoken[word] < ENOUGH_OF_A_WORD for word in sentence.split()):
            rare_first.append(sentence)
            spoken.update(sentence.split())
    chosen = set(rare_first)
    picked = (rare_first + [s for s in rest if s not in chosen])[: size.phrase_utterances]
    return Selection(tuple(picked), tuple(held_out))


def unknown_words(dictionary: Mapping[str, Sequence[Sequence[str]]], vocabulary: Collection[str]) -> UnknownWords:
    """Choose words of CMUdict that no word of the vocabulary sounds like; a fifth, by hash, is for the test."""
    known = {_sound(phones) for word in vocabulary for phones in dictionary.get(word, ())}
    known |= {tuple(variant.split()) for variants in BY_HAND.values() for variant in variants}
    training: list[str] = []
    held_out: list[str] = []
    for word in sorted(dictionary):
        shortest, longest = _UNKNOWN_LETTERS
        if not (word.isascii() and word.isalpha() and shortest <= len(word) <= longest) or word in vocabulary:
            continue
        if any(_sound(phones) in known for phones in dictionary[word]):
            continue
        (held_out if hashlib.sha256(word.encode()).digest()[0] % 5 == 0 else training).append(word)
    return UnknownWords(tuple(training), tuple(held_out))


def training_plan(selection: Selection, unknown: UnknownWords, size: RecipeSize) -> list[Utterance]:
    """Plan every utterance of the training, mixed, so that any part of it is like the whole."""
    chance = random.Random(_SEED + 1)
    plan = [_cast_one(chance, f"phrase{n:05d}", text) for n, text in enumerate(_repeated(selection.training, size))]
    plan += [
        _digits(chance, f"digits{n:05d}", TRAINING_SPEAKERS[n % len(TRAINING_SPEAKERS)], (1, 8))
        for n in range(size.digit_strings)
    ]
    for n in range(size.unknown_word_utterances):
        text = _with_unknown(chance, chance.choice(selection.training), unknown.training)
        plan.append(_cast_one(chance, f"unknown{n:05d}", text))
    plan += [
        Utterance(f"sound{n:05d}", "sound", KINDS[n % len(KINDS)], "", {"seed": float(n)}) for n in range(size.sounds)
    ]
    chance.shuffle(plan)
    return plan


def test_plans(selection: Selection, unknown: UnknownWords, size: RecipeSize) -> dict[str, list[Utterance]]:
    """Plan the tests: seen and unseen voices, unseen people's digits, words outside the vocabulary."""
    chance = random.Random(_SEED + 2)
    held_out = selection.held_out
    seen = [_cast_one(chance, f"seen{n:04d}", text) for n, text in enumerate(held_out)]
    unseen = [_unseen(chance, f"unseen{n:04d}", n, text) for n, text in enumerate(held_out)]
    digits = [
        _digits(chance, f"held{n:04d}", HELD_OUT_SPEAKERS[n % len(HELD_OUT_SPEAKERS)], (3, 7))
        for n in range(size.held_out_digit_strings)
    ]
    outside = [
        _unseen(chance, f"outside{n:04d}", n, _with_unknown(chance, text, unknown.held_out))
        for n, text in enumerate(held_out)
    ]
    return {"seen": seen, "unseen": unseen, "digits": digits, "unknown": outside}


def _repeated(sentences: Sequence[str], size: RecipeSize) -> Iterable[str]:
    """Say each sentence once, then again in another voice, until there are enough."""
    if not sentences:
        raise ValueError("no sentences to say")
    for n in range(size.phrase_utterances):
        yield sentences[n % len(sentences)]


def _cast_one(chance: random.Random, utterance_id: str, text: str) -> Utterance:
    voice = chance.choices(TRAINING_VOICES, [voice.share for voice in TRAINING_VOICES])[0]
    return _said_by(chance, utterance_id, voice, text)


def _unseen(chance: random.Random, utterance_id: str, number: int, text: str) -> Utterance:
    return _said_by(chance, utterance_id, UNSEEN_VOICES[number % len(UNSEEN_VOICES)], text)


def _said_by(chance: random.Random, utterance_id: str, voice: Voice, text: str) -> Utterance:
    name, settings = cast(chance, voice)
    return Utterance(utterance_id, voice.engine, name, text, settings)


def _digits(chance: random.Random, utterance_id: str, speaker: str, lengths: tuple[int, int]) -> Utterance:
    text = " ".join(chance.choice(DIGIT_WORDS) for _ in range(chance.randint(*lengths)))
    return Utterance(utterance_id, "human", speaker, text, {"seed": float(chance.randrange(1 << 30))})


def _with_unknown(chance: random.Random, sentence: str, unknown: Sequence[str]) -> str:
    """Replace about half of a sentence's words, and at least one."""
    words = sentence.split()
    replaced = {place for place in range(len(words)) if chance.random() < 0.5} or {chance.randrange(len(words))}
    return " ".join(chance.choice(unknown) if place in replaced else word for place, word in enumerate(words))


def _sound(phones: Sequence[str]) -> tuple[str, ...]:
    return tuple(phone.rstrip("012") for phone in phones)
