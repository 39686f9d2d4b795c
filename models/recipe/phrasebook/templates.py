"""Two-sided templates: slots, what may fill them together, and their text in both languages.

A slot is ``{class}`` or ``{class2}`` (another entry of the same class), with a form after a colon and, for verbs, a
person after an at sign: ``{item:my}``, ``{vp:past@subj}``, ``{vp:subj@5}``.
"""

import itertools
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from models.recipe.phrasebook.entries import THIRD_SINGULAR, Entry, VerbPhrase

_SLOT = re.compile(r"\{([a-z_]+[0-9]?)(?::([a-z]+))?(?:@([a-z_0-9]+))?\}")
_ATTEMPTS = 20
_SUBJECT_SLOTS = ("subj", "other", "he", "pron", "per", "kin", "name")
_TIME_SLOTS = ("habit", "fut", "past", "when")
_WEIGHTS = {0: 0.05, 1: 1.0, 2: 2.2, 3: 3.0}  # a template with more slots has more to say
_MOST_SLOTS_WEIGHT = 3.2
_VERB_PHRASE_FACTOR = 1.5

Fill = dict[str, Entry]


class Source(Protocol):
    """What a slot draws from, if it is not a plain list."""

    def draw(self, rng: random.Random) -> Entry:
        """One entry."""
        ...

    def everything(self) -> Iterable[Entry]:
        """Entries that together hold every word it may draw."""
        ...


Slots = Mapping[str, Sequence[Entry] | Source]


class OneOf:
    """Draws a group first, then an entry of it, so that long lists do not drown short ones."""

    def __init__(self, *groups: "Sequence[Entry] | Source", weights: Sequence[float] | None = None) -> None:
        self._groups, self._weights = groups, weights

    def draw(self, rng: random.Random) -> Entry:
        """One entry of one group."""
        return draw(rng, rng.choices(self._groups, self._weights)[0])

    def everything(self) -> Iterator[Entry]:
        """All entries of all groups."""
        for group in self._groups:
            yield from everything(group)


def draw(rng: random.Random, source: Sequence[Entry] | Source) -> Entry:
    """One entry of a list or another source."""
    return rng.choice(source) if isinstance(source, Sequence) else source.draw(rng)


def everything(source: Sequence[Entry] | Source) -> Iterable[Entry]:
    """All entries of a list, or what another source names as such."""
    return source if isinstance(source, Sequence) else source.everything()


def slot_names(text: str) -> tuple[str, ...]:
    """The slots of ``text`` in the order of their first appearance."""
    return tuple(dict.fromkeys(match.group(1) for match in _SLOT.finditer(text)))


def slot_class(name: str) -> str:
    """``item2`` draws from the class ``item``."""
    return name.rstrip("0123456789")


def render(text: str, fill: Fill, side: str, *, figures: bool = False) -> str:
    """``text`` with its slots filled; ``side`` is ``english`` or ``persian``."""

    def word(match: re.Match[str]) -> str:
        name, form, whose = match.groups()
        person = THIRD_SINGULAR if not whose else int(whose) if whose.isdigit() else fill[whose].person
        entry = fill[name]
        write = entry.english if side == "english" else entry.persian
        return write(form or "", person, figures=figures)

    return re.sub(r" +", " ", _SLOT.sub(word, text)).strip()


def literal_words(text: str) -> set[str]:
    """English words of ``text`` outside its slots."""
    return set(_SLOT.sub(" ", text).replace(",", " ").split())


def slot_forms(text: str) -> set[tuple[str, str]]:
    """The classes that ``text`` draws from, each with the form it asks for."""
    return {(slot_class(match.group(1)), match.group(2) or "") for match in _SLOT.finditer(text)}


def words_of(source: Sequence[Entry] | Source, form: str) -> set[str]:
    """Every English word that ``form`` of an entry of ``source`` may come out with."""
    persons = (1, THIRD_SINGULAR) if form == "pres" else (THIRD_SINGULAR,)
    return {
        word
        for entry in everything(source)
        for person in persons
        for word in entry.english(form, person).replace(",", " ").split()
    }


@dataclass(frozen=True)
class Template:
    """One line of ``topics/``. ``weight`` 0 stands for one by the number of its slots."""

    topic: str
    en: str
    fa: str
    weight: float = 0.0

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Slots of the English side; the Persian side may use no other."""
        return slot_names(self.en)

    @cached_property
    def share(self) -> float:
        """How often it is drawn, against others."""
        if self.weight:
            return self.weight
        by_slots = _WEIGHTS.get(len(self.slots), _MOST_SLOTS_WEIGHT)
        return by_slots * (_VERB_PHRASE_FACTOR if "vp" in self.slots else 1.0)

    def draw(self, rng: random.Random, slots: Slots) -> Fill | None:
        """Entries for its slots that go together; nothing where 20 attempts found none."""
        for _ in range(_ATTEMPTS):
            fill = {name: draw(rng, slots[slot_class(name)]) for name in self.slots}
            if goes_together(fill):
                return fill
        return None


def goes_together(fill: Fill) -> bool:
    """Whether a person could mean it: no word twice, nobody calls themselves, no dinner in the morning."""
    for first, second in itertools.combinations(fill.items(), 2):
        if _same(first, second):
            return False
    phrases = [set(entry.en.split()) for entry in fill.values() if isinstance(entry, VerbPhrase)]
    return all(_subject_fits(fill, words) and _time_fits(fill, words) for words in phrases)


def _same(first: tuple[str, Entry], second: tuple[str, Entry]) -> bool:
    if slot_class(first[0]) == slot_class(second[0]) and first[1].en == second[1].en:
        return True
    plain = not isinstance(first[1], VerbPhrase) and not isinstance(second[1], VerbPhrase)
    return plain and bool(first[1].fa) and first[1].fa == second[1].fa


def _subject_fits(fill: Fill, words: set[str]) -> bool:
    subject = next((fill[name] for name in _SUBJECT_SLOTS if name in fill), None)
    if subject is None:
        return True
    himself = subject.person in (3, 6) and bool(words & {"him", "her", "them"})
    return subject.en.split()[-1] not in words and not himself


def _time_fits(fill: Fill, words: set[str]) -> bool:
    times = [fill[name].en for name in _TIME_SLOTS if name in fill]
    meal_at_a_time = words & {"breakfast", "lunch", "dinner"} and re.search(
        "morning|afternoon|night|evening|noon", " ".join(times)
    )
    return not meal_at_a_time and all(
        not words & set(time.split()) - {"the", "a", "in", "on", "at", "to", "of", "an"} for time in times
    )
