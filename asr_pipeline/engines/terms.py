"""Which words of a translation stand for a term of the source, and what to put in their place.

Two witnesses must agree: the decoder's attention looks at the term's tokens when it starts the word, and the word
becomes less likely when those tokens are taken out of the source. Each alone takes neighbours for the term; where they
don't agree on one run of words, nothing is put (docs/adr/0008-glossary.md has what was measured).
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from asr_pipeline.domain.glossary import Glossary, Match, folded, uses
from asr_pipeline.domain.persian_endings import LEANING_WORDS, with_endings_of

MIN_ATTENTION = 0.3  # share of the attention that lies on the term's tokens
MIN_LOSS = 1.5  # natural logarithm: without the term, the word is 4.5 times less likely
MAX_EXTRA_WORDS = 2  # a run this much longer than the term itself is no rendering of it
SPACE = "\u2581"  # sentencepiece's mark of a word's start
Tokens = Sequence[str]
Attention = Sequence[Sequence[float]]


class Witness(Protocol):
    """The model that translated, asked again about what it gave."""

    def attention(self, sources: Sequence[Tokens], targets: Sequence[Tokens]) -> list[Attention]:
        """Give, for each token of each target, how the attention was spread over its source."""
        ...

    def log_probabilities(self, sources: Sequence[Tokens], targets: Sequence[Tokens]) -> list[Sequence[float]]:
        """Give the log probability of each token of each target."""
        ...


@dataclass(frozen=True, slots=True)
class Decoded:
    """A sentence's tokens, its translation's, and the translation as text."""

    source: Tokens
    target: Tokens
    text: str


@dataclass(frozen=True, slots=True)
class Replacement:
    """`text` in the place of the target's tokens from `start` to before `end`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Question:
    """A match whose words in the translation are wanted; `tokens` are its own in the source."""

    sentence: int
    match: Match
    tokens: frozenset[int]


def replacements(decoded: Sequence[Decoded], glossary: Glossary, witness: Witness) -> list[list[Replacement]]:
    """Give what to replace in each translation so that it uses the required terms, in the order of its tokens.

    A term that the translation uses already, or whose words are not clear, has no replacement.
    """
    questions = [
        _Question(number, match, tokens)
        for number, one in enumerate(decoded)
        for match, tokens in _terms(one.source, glossary)
        if not uses(one.text, match, glossary.language)
    ]
    found: list[list[Replacement]] = [[] for _ in decoded]
    if not questions:
        return found
    asked = sorted({question.sentence for question in questions})
    sources, targets = [decoded[one].source for one in asked], [decoded[one].target for one in asked]
    attention = dict(zip(asked, witness.attention(sources, targets), strict=True))
    whole = dict(zip(asked, witness.log_probabilities(sources, targets), strict=True))
    without = witness.log_probabilities(
        [_left_out(decoded[question.sentence].source, question.tokens) for question in questions],
        [decoded[question.sentence].target for question in questions],
    )
    for question, lower in zip(questions, without, strict=True):
        number = question.sentence
        losses = [before - after for before, after in zip(whole[number], lower, strict=True)]
        found[number] += _answer(decoded[number].target, question, attention[number], losses, glossary.language)
    return [_apart(some) for some in found]


def _left_out(source: Tokens, tokens: frozenset[int]) -> Tokens:
    return [token for index, token in enumerate(source) if index not in tokens]


def _terms(source: Tokens, glossary: Glossary) -> Iterator[tuple[Match, frozenset[int]]]:
    """Find the terms among sentencepiece's tokens: it may have changed the text, so this reads the tokens."""
    text, spans = "", []
    for token in source:
        part = folded(token.replace(SPACE, " "))
        spans.append((len(text), len(text) + len(part)))
        text += part
    if SPACE not in "".join(source) or len(folded(text)) != len(text):
        return  # another tokenizer, or letters that melt into one: places can't be told
    for match in glossary.find(text):
        tokens = [
            index
            for index, (start, end) in enumerate(spans)
            if text[max(start, match.start) : min(end, match.end)].strip()
        ]
        if tokens and len(tokens) < len(source):
            yield match, frozenset(tokens)


def _answer(
    target: Tokens, question: _Question, attention: Attention, losses: Sequence[float], language: str
) -> list[Replacement]:
    """Put the required words where both witnesses point: one run of words, or several that read the same."""
    words = list(_words(target))
    chosen = [
        place
        for place, (start, end) in enumerate(words)
        if _is_word(target[start:end])
        and _surface(target, (start, end)) not in (LEANING_WORDS if language == "fa" else ())
        and sum(attention[_first(target, start, end)][token] for token in question.tokens) >= MIN_ATTENTION
        and sum(losses[start:end]) >= MIN_LOSS
    ]
    runs: list[list[int]] = []
    for place in chosen:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    texts = {" ".join(_surface(target, words[place]) for place in run) for run in runs}
    limit = len(question.match.entry.term.split()) + MAX_EXTRA_WORDS
    if len(texts) != 1 or any(len(run) > limit for run in runs):
        return []
    return [
        Replacement(words[run[0]][0], words[run[-1]][1], _put(target, words, run[-1], question.match, language))
        for run in runs
    ]


def _put(target: Tokens, words: Sequence[tuple[int, int]], last: int, match: Match, language: str) -> str:
    if language != "fa":
        return match.entry.translation
    following = _surface(target, words[last + 1]) if last + 1 < len(words) else ""
    return with_endings_of(
        _surface(target, words[last]),
        match.entry.translation,
        owner=match.owner,
        plural=match.plural,
        next_word=following if any(map(str.isalpha, following)) else "",
    )


def _apart(found: Sequence[Replacement]) -> list[Replacement]:
    """Leave out those that claim the same words: which of the terms they stand for is not clear."""
    return sorted(
        (
            one
            for one in found
            if not any(other is not one and one.start < other.end and other.start < one.end for other in found)
        ),
        key=lambda one: one.start,
    )


def _words(target: Tokens) -> Iterator[tuple[int, int]]:
    """Group tokens into words; marks at a word's end are apart."""
    start = 0
    for index in range(1, len(target) + 1):
        ends = index == len(target) or target[index].startswith(SPACE)
        if ends or _is_mark(target[index]):
            if index > start:
                yield start, index
            start = index


def _is_mark(token: str) -> bool:
    return all(unicodedata.category(character).startswith("P") for character in token)


def _is_word(tokens: Tokens) -> bool:
    return any(character.isalnum() for token in tokens for character in token)


def _first(target: Tokens, start: int, end: int) -> int:
    """Give a word's first token with a letter: later ones often look elsewhere than at what the word stands for."""
    return next((index for index in range(start, end) if target[index] != SPACE), start)


def _surface(target: Tokens, word: tuple[int, int]) -> str:
    return "".join(target[slice(*word)]).replace(SPACE, "")
