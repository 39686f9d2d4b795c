"""A trigram model with interpolated Witten-Bell smoothing, small enough to read.

Held as {history: (backoff weight, {word: probability})}; the empty history holds every word. [unk] is a word of it
with a small probability of its own: speech outside the vocabulary then has somewhere to go.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from models.recipe.recognizer.acoustics.pronunciations import UNKNOWN_WORD

SENTENCE_START = "<s>"
SENTENCE_END = "</s>"
ORDER = 3
LEAST_COUNTS = (1, 2, 4)
"""n-grams rarer than this are dropped, by their length: the graph stays small."""

_UNIFORM_SHARE = 0.02  # of each word's unigram probability: rare words stay reachable
UNKNOWN_PROBABILITY = 2e-3

History = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Probabilities by history. Each history's words and its backoff mass sum to 1."""

    table: dict[History, tuple[float, dict[str, float]]]

    def probability(self, history: History, word: str) -> float:
        """Give P(word | history), backing off where the n-gram is absent."""
        backoff, words = self.table.get(history, (1.0, {}))
        if word in words:
            return words[word]
        return backoff * self.probability(history[1:], word)

    def state(self, history: History) -> History:
        """Shorten a history to the longest one that the model tells apart."""
        history = history[-(ORDER - 1) :]
        while history not in self.table:
            history = history[1:]
        return history


def train(
    sentences: Iterable[str], vocabulary: Collection[str], unknown_probability: float = UNKNOWN_PROBABILITY
) -> LanguageModel:
    """Count n-grams over sentences of space-separated words; words outside the vocabulary are passed over."""
    counts = _count(sentences, frozenset(vocabulary))
    table: dict[History, tuple[float, dict[str, float]]] = {(): (0.0, {})}
    model = LanguageModel(table)
    unigrams = counts[()]
    total, kinds = unigrams.total(), len(vocabulary) + 1
    known = 1 - unknown_probability
    for word in (*sorted(vocabulary), SENTENCE_END):
        share = (1 - _UNIFORM_SHARE) * unigrams[word] / total + _UNIFORM_SHARE / kinds
        table[()][1][word] = known * share
    if unknown_probability:
        table[()][1][UNKNOWN_WORD] = unknown_probability
    for length in range(1, ORDER):
        for history in [history for history in counts if len(history) == length]:
            _add_history(model, history, counts[history])
    return model


def perplexity(model: LanguageModel, sentences: Iterable[str]) -> float:
    """Give the perplexity a word, sentence ends counted."""
    log_sum, count = 0.0, 0
    for sentence in sentences:
        words = [SENTENCE_START, *sentence.split(), SENTENCE_END]
        for place in range(1, len(words)):
            history = tuple(words[max(0, place - ORDER + 1) : place])
            log_sum += math.log(model.probability(history, words[place]))
            count += 1
    return math.exp(-log_sum / max(1, count))


def _count(sentences: Iterable[str], vocabulary: frozenset[str]) -> dict[History, Counter[str]]:
    counts: dict[History, Counter[str]] = defaultdict(Counter)
    for sentence in sentences:
        words = [SENTENCE_START, *(word for word in sentence.split() if word in vocabulary), SENTENCE_END]
        for place in range(1, len(words)):
            for length in range(min(ORDER, place + 1)):
                counts[tuple(words[place - length : place])][words[place]] += 1
    return counts


def _add_history(model: LanguageModel, history: History, seen: Counter[str]) -> None:
    shorter = history[1:]
    kept = {word: times for word, times in seen.items() if times >= LEAST_COUNTS[len(history)]}
    if not kept or shorter not in model.table:
        return
    total, kinds = seen.total(), len(seen)
    interpolation = kinds / (total + kinds)
    words = {
        word: times / (total + kinds) + interpolation * model.probability(shorter, word) for word, times in kept.items()
    }
    # the backoff weight that makes everything sum to 1
    left = 1 - sum(words.values())
    unseen = 1 - sum(model.probability(shorter, word) for word in words)
    model.table[history] = (max(1e-9, left / max(1e-9, unseen)), words)
