"""Writes sentence pairs: distinct, in an order that a seed fixes."""

import random
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from models.recipe.phrasebook import writing
from models.recipe.phrasebook.entries import Entry
from models.recipe.phrasebook.slots import all_slots
from models.recipe.phrasebook.templates import (
    Fill,
    Slots,
    Template,
    literal_words,
    render,
    slot_forms,
    slot_names,
    words_of,
)
from models.recipe.phrasebook.text_files import lines

SHORTEST, LONGEST = 2, 14  # words of a sentence
_HELD_OUT_OF = 37
_TELLING_FILLERS = 3
_GIVE_UP_AFTER = 20_000  # draws in a row that gave nothing new
_PROPER_CLASSES = ("name", "city", "country", "lang", "nation", "month", "day", "surname")
_COMMON_WORDS = frozenset({"new", "may", "march"})  # proper in one sense alone
_HESITANT = 0.03


@dataclass(frozen=True)
class Pair:
    """One sentence in both languages.

    ``recognizer_en`` is lower case without marks, at times with sounds of hesitation; ``written_en`` has capitals and
    marks; ``figures`` are the written English and the Persian with numbers as figures, where there is a number.
    """

    recognizer_en: str
    written_en: str
    fa: str
    topic: str
    template: str
    slots: tuple[tuple[str, str], ...]
    figures: tuple[str, str] | None = None


@cache
def templates() -> tuple[Template, ...]:
    """Every line of ``topics/``: English, Persian and, where it is not the usual, a weight."""
    found = []
    for line in lines("topics"):
        if not 2 <= len(line.fields) <= 3:
            raise ValueError(f"{line.place}: expected 'English | Persian [| weight]', found {line.fields}")
        en, fa, *weight = line.fields
        topic = line.place.split("/")[1].split(".")[0]
        if set(slot_names(fa)) - set(slot_names(en)):
            raise ValueError(f"{line.place}: the Persian side has slots that the English side lacks")
        found.append(Template(topic, en, fa, float(weight[0]) if weight else 0.0))
    return tuple(found)


@cache
def _slots_with_phrases() -> Slots:
    """The slots, and fixed phrases as slots of templates that greet or answer before them."""
    fixed = [template for template in templates() if not template.slots]
    statements = [t for t in fixed if "؟" not in t.fa and not _ALONE.match(t.en)]
    return {
        **all_slots(),
        "fixany": [Entry(t.en, t.fa) for t in fixed if not _GREETING.match(t.en)],
        "fix": [Entry(t.en, t.fa) for t in statements],
    }


_ALONE = re.compile(
    r"(good|hello|thank|see you|nice to|yes|no |excuse|one moment|happy|merry|of course|just a|please|have a|get well|"
    r"enjoy|welcome|you are welcome|end of|say hello|congrat|be careful|call|don't|let|take care|keep|that is all)"
)
_GREETING = re.compile(
    r"(good (morning|afternoon|evening|night)|hello|yes|no |excuse|of course|end of|one moment|what is your name)"
)


@cache
def proper_nouns() -> frozenset[str]:
    """Words that are written with a capital."""
    slots = all_slots()
    entries = [entry for name in _PROPER_CLASSES for entry in slots.get(name, []) if isinstance(entry, Entry)]  # type: ignore[union-attr]
    return frozenset(word for entry in entries for word in entry.en.split()) - _COMMON_WORDS | {
        "i",
        "york",
        "united",
        "nations",
        "european",
    }


def held_out(pair: Pair) -> bool:
    """Whether ``pair`` belongs to the 37th part that no training may see: by its template and first three fillers."""
    if not pair.slots:
        return False
    key = "|".join((pair.template, *(filler for _, filler in pair.slots[:_TELLING_FILLERS])))
    return zlib.crc32(key.encode()) % _HELD_OUT_OF == 0


def sentences(
    seed: int, count: int, keep: Callable[[Template], bool] = lambda template: bool(template.en)
) -> Iterator[Pair]:
    """``count`` distinct pairs (fewer, if the phrasebook can't write as many): each fixed phrase, then drawn ones.

    ``keep`` chooses among the templates.
    """
    rng = random.Random(seed)
    known: set[str] = set()
    chosen = [template for template in templates() if keep(template)]
    for template in chosen:
        if not template.slots and len(known) < count:
            pair = _pair(template, {}, rng)
            known.add(pair.recognizer_en)
            yield pair
    weights = [template.share for template in chosen]
    idle = 0
    while len(known) < count and idle < _GIVE_UP_AFTER:
        for template in rng.choices(chosen, weights, k=1000):
            fill = template.draw(rng, _slots_with_phrases()) if template.slots else None
            pair_or_none = _pair(template, fill, rng) if fill else None
            if pair_or_none is None or not _is_new(pair_or_none, known):
                idle += 1
                continue
            idle = 0
            known.add(pair_or_none.recognizer_en)
            yield pair_or_none
            if len(known) >= count:
                break


def _is_new(pair: Pair, known: set[str]) -> bool:
    return pair.recognizer_en not in known and SHORTEST <= len(pair.recognizer_en.split()) <= LONGEST


def _pair(template: Template, fill: Fill, rng: random.Random) -> Pair:
    en, fa = _sides(template, fill, figures=False)
    question = fa.endswith("؟")
    spoken = writing.spoken(en)
    figures = None
    if any(entry.figures for entry in fill.values()):
        shown_en, shown_fa = _sides(template, fill, figures=True)
        figures = (writing.written(shown_en, question=question, proper=proper_nouns()), writing.persian(shown_fa))
    return Pair(
        recognizer_en=writing.hesitant(spoken, rng) if fill and rng.random() < _HESITANT else spoken,
        written_en=writing.written(en, question=question, proper=proper_nouns()),
        fa=writing.persian(fa),
        topic=template.topic,
        template=template.en,
        slots=tuple((name, part) for name, entry in fill.items() for part in entry.parts()),
        figures=figures,
    )


def _sides(template: Template, fill: Fill, *, figures: bool) -> tuple[str, str]:
    en = render(template.en, fill, "english", figures=figures)
    return re.sub(r"\ba (?=[aeiou])(?!uni|use|euro|one)", "an ", en), render(
        template.fa, fill, "persian", figures=figures
    )


@cache
def vocabulary() -> frozenset[str]:
    """Every English word that a sentence may hold, as the recognizer writes it."""
    slots = _slots_with_phrases()
    found = {word for filler in writing.FILLERS for word in filler.split()}
    forms: set[tuple[str, str]] = set()
    for template in templates():
        found |= literal_words(template.en)
        forms |= slot_forms(template.en)
    for name, form in forms:
        found |= words_of(slots[name], form)
    return frozenset(found)
