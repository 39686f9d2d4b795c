"""Verb phrases of ``verbs/*.txt``: nested templates that a slot like ``{vp}`` draws.

A line is English, the Persian complement, the Persian infinitive and marks: ``routine`` (done again and again),
``instant`` (one is not caught in the midst of it), ``findable`` (one asks where to), ``work`` (done at work), ``news``
(what governments and companies do).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from models.recipe.phrasebook.entries import VerbPhrase
from models.recipe.phrasebook.persian_verbs import VERBS
from models.recipe.phrasebook.templates import Fill, Slots, draw, everything, render, slot_class, slot_names
from models.recipe.phrasebook.text_files import lines

MARKS = frozenset({"routine", "instant", "findable", "work", "news"})


@dataclass(frozen=True)
class Pattern:
    """One line of ``verbs/``."""

    en: str
    fa: str
    infinitive: str
    marks: frozenset[str]

    def draw(self, rng: random.Random, slots: Slots) -> VerbPhrase:
        """The phrase with its own slots filled."""
        return self.filled({name: draw(rng, slots[slot_class(name)]) for name in slot_names(self.en)})

    def filled(self, fill: Fill) -> VerbPhrase:
        """The phrase with ``fill`` in its slots."""
        en, fa = render(self.en, fill, "english"), render(self.fa, fill, "persian")
        figures = None
        if any(entry.figures for entry in fill.values()):
            figures = (render(self.en, fill, "english", figures=True), render(self.fa, fill, "persian", figures=True))
        return VerbPhrase(
            en,
            fa,
            figures=figures,
            infinitive=self.infinitive,
            pattern=self.en,
            fillers=tuple(entry.en for entry in fill.values()),
        )


class VerbPhrases:
    """Draws from the patterns whose marks pass; one with objects is drawn more often than a bare one."""

    def __init__(self, patterns: list[Pattern], slots: Slots, keep: Callable[[frozenset[str]], bool]) -> None:
        self._patterns = [pattern for pattern in patterns if keep(pattern.marks)]
        self._slots = slots
        self._weights = [1 + 2 * min(2, len(slot_names(pattern.en))) for pattern in self._patterns]

    def draw(self, rng: random.Random) -> VerbPhrase:
        """One phrase."""
        return rng.choices(self._patterns, self._weights)[0].draw(rng, self._slots)

    def everything(self) -> Iterator[VerbPhrase]:
        """Each pattern, with every entry in each of its slots once."""
        for pattern in self._patterns:
            names = slot_names(pattern.en)
            entries = {name: list(everything(self._slots[slot_class(name)])) for name in names}
            for place in range(max((len(some) for some in entries.values()), default=1)):
                yield pattern.filled({name: some[place % len(some)] for name, some in entries.items()})


def patterns() -> list[Pattern]:
    """All lines of ``verbs/``."""
    found = []
    for line in lines("verbs"):
        if not 3 <= len(line.fields) <= 4:
            raise ValueError(
                f"{line.place}: expected 'English | complement | infinitive [| marks]', found {line.fields}"
            )
        en, fa, infinitive, *marks = line.fields
        named = frozenset(marks[0].split()) if marks else frozenset()
        if infinitive not in VERBS or named - MARKS or set(slot_names(fa)) != set(slot_names(en)):
            raise ValueError(f"{line.place}: unknown infinitive or mark, or slots that differ between the sides")
        found.append(Pattern(en, fa, infinitive, named))
    return found
