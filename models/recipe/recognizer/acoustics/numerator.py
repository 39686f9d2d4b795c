"""The numerator graph: all ways to say a transcript, each word near the time where it was said.

A state is one phone with one class of left neighbour. The synthesizers tell when each word starts, so a state of a
word is open only from a little before that word to a little after the next one starts: the network then learns to put
words where they are, and the forward-backward pass skips most of its cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.phone_bigram import EDGE, LogProbabilities
from models.recipe.recognizer.acoustics.phones import (
    BASE_INDEX,
    LEFT_CLASS,
    SILENCE_INDEX,
    forward_pdf,
)

START = -1
FOREVER = 1 << 30
NEVER = -1e30
"""Log-probability of what cannot be."""

Window = tuple[int, int]
"""First and last output frame in which a state may be."""

_Previous = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class NumeratorGraph:
    """States with their predecessors in compressed rows.

    `pdf`: forward pdf of each state (its self-loop pdf is the next number). `first`, `last`: its window in output
    frames. `row[s]:row[s + 1]` are its predecessors in `previous` (START for the sentence's start) and `weight`.
    `final`: log-probability of ending in each state, NEVER where it cannot.
    """

    pdf: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    previous: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    final: npt.NDArray[np.float64]


def numerator_graph(
    words: Sequence[str],
    windows: Sequence[Window],
    lexicon: Mapping[str, tuple[str, ...]],
    bigram: LogProbabilities,
) -> NumeratorGraph:
    """Build the graph of a transcript: every pronunciation, pauses optional between words. No words: a pause."""
    builder = _Builder(bigram)
    ends: _Previous = [(START, 0.0)]
    earliest_pause = 0
    for word, (first, last) in zip(words, windows, strict=True):
        before = ends + builder.add(SILENCE_INDEX, ends, (earliest_pause, last))
        earliest_pause = first
        ends = []
        for variant in lexicon[word]:
            current = before
            for phone in variant.split():
                current = builder.add(BASE_INDEX[phone], current, (first, last))
            ends += current
    ends = ends + builder.add(SILENCE_INDEX, ends, (earliest_pause, FOREVER))
    return builder.build([state for state, _ in ends if state != START])


def word_windows(times: Sequence[tuple[float, float]], tolerance_s: float, frame_s: float) -> list[Window]:
    """Turn (start, end) in seconds into windows of output frames. A word is open until the next one starts."""
    windows = []
    for number, (start, end) in enumerate(times):
        following = times[number + 1][0] if number + 1 < len(times) else end
        first = int(max(0.0, start - tolerance_s) / frame_s)
        windows.append((first, max(int((max(end, following) + tolerance_s) / frame_s) + 1, first + 1)))
    return windows


@dataclass(slots=True)
class _Builder:
    bigram: LogProbabilities
    base: list[int] = field(default_factory=list)
    pdf: list[int] = field(default_factory=list)
    window: list[Window] = field(default_factory=list)
    previous: list[_Previous] = field(default_factory=list)

    def add(self, base: int, before: _Previous, window: Window) -> _Previous:
        """Add a phone after those of `before`: a state for each class of left neighbour among them."""
        by_class: dict[int, _Previous] = {}
        for state, weight in before:
            left = self.base[state] if state != START else SILENCE_INDEX
            follows = self.base[state] if state != START else EDGE
            entry = (state, weight + float(self.bigram[follows, base]))
            by_class.setdefault(LEFT_CLASS[left], []).append(entry)
        added: _Previous = []
        for left_class, entries in sorted(by_class.items()):
            self.base.append(base)
            self.pdf.append(forward_pdf(base, left_class))
            self.window.append(window)
            self.previous.append(entries)
            added.append((len(self.base) - 1, 0.0))
        return added

    def build(self, ends: list[int]) -> NumeratorGraph:
        final = np.full(len(self.base), NEVER)
        for state in ends:
            final[state] = self.bigram[self.base[state], EDGE]
        flat = [entry for entries in self.previous for entry in entries]
        return NumeratorGraph(
            pdf=np.array(self.pdf, dtype=np.int64),
            first=np.array([first for first, _ in self.window], dtype=np.int64),
            last=np.array([last for _, last in self.window], dtype=np.int64),
            row=np.cumsum([0, *(len(entries) for entries in self.previous)], dtype=np.int64),
            previous=np.array([state for state, _ in flat], dtype=np.int64),
            weight=np.array([weight for _, weight in flat], dtype=np.float64),
            final=final,
        )
