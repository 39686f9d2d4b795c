"""The spellings in which a sentence reaches the translator: heard, written, contracted, misheard, with unknown names.

A line is a source and a target. The recognizer ends no sentence, so that its lines' targets end without a full stop;
a question keeps its mark.
"""

import random
import re

from models.recipe.phrasebook import writing
from models.recipe.phrasebook.persian_spelling import HALF_SPACE

Line = tuple[str, str]

_MISHEARD = {
    "to": "two",
    "two": "to",
    "for": "four",
    "four": "for",
    "their": "there",
    "there": "their",
    "your": "you're",
    "buy": "by",
    "by": "buy",
    "right": "write",
    "our": "hour",
    "hour": "our",
    "meet": "meat",
    "week": "weak",
    "know": "no",
    "here": "hear",
    "hear": "here",
    "new": "knew",
    "one": "won",
    "eight": "ate",
}
_DROPPED = frozenset({"the", "a", "an", "is", "to", "of"})
_LETTERS = rf"\w{HALF_SPACE}"

_ONSETS = "b bl br c ch cl d dr f fl fr g gr h j k kl l m n p pr qu r s sh st t tr v w y z".split()
_NUCLEI = "a e i o u ai ea oo y".split()
_CODAS = ["", "", "n", "m", "r", "l", "s", "t", "k", "rd", "nt", "x", "th"]


def bare(fa: str) -> str:
    """Persian without its full stop; a question mark stays."""
    return fa.removesuffix(".")


def recognizer(written_en: str, fa: str) -> Line:
    """As the recognizer would have written it."""
    return writing.spoken(written_en), bare(fa)


def any_style(written_en: str, fa: str, rng: random.Random) -> Line:
    """One of the styles, the recognizer's in every second line."""
    if rng.random() < 0.3:
        written_en = writing.contracted(written_en, rng)
    kind = rng.random()
    if kind < 0.5:
        source, target = recognizer(written_en, fa)
        if rng.random() < 0.06:
            source = writing.hesitant(source, rng)
        elif rng.random() < 0.06:
            source = misheard(source, rng)
        return source, target
    if kind < 0.58:  # what the pipeline makes of a recognizer's text
        source = writing.spoken(written_en)
        return source[:1].upper() + source[1:] + ("?" if fa.endswith("؟") else "."), fa
    if kind < 0.63:
        return written_en[:-1], bare(fa)
    if kind < 0.68:
        return written_en.replace("'", "’"), fa
    return written_en, fa


def misheard(spoken: str, rng: random.Random) -> str:
    """Recognizer text with one error: a word for one that sounds like it, or a short word lost."""
    words = spoken.split()
    places = [place for place, word in enumerate(words) if word in _MISHEARD or word in _DROPPED]
    if not places or len(words) < 4:
        return spoken
    place = rng.choice(places)
    if words[place] in _MISHEARD and (words[place] not in _DROPPED or rng.random() < 0.5):
        words[place] = _MISHEARD[words[place]]
    else:
        del words[place]
    return " ".join(words)


def made_up_name(rng: random.Random) -> str:
    """A name that nobody bears, in Latin letters, of one to three syllables."""
    syllables = [
        rng.choice(_ONSETS) + rng.choice(_NUCLEI) + (rng.choice(_CODAS) if place else "")
        for place in range(rng.randint(1, 3))
    ]
    name = "".join(syllables)
    return name if len(name) > 2 else name + "ra"


def with_unknown_name(written_en: str, fa: str, known: dict[str, str], rng: random.Random) -> Line | None:
    """The pair with one name of ``known`` (English to Persian), if it has one, made up anew on both sides."""
    for word in re.findall(r"[A-Za-z]+", written_en):
        persian = known.get(word.lower())
        if persian is None:
            continue
        alone = re.compile(rf"(?<![{_LETTERS}]){persian}(?![{_LETTERS}])")
        if len(alone.findall(fa)) == 1:
            name = made_up_name(rng)
            return re.sub(rf"\b{word}\b", name.capitalize(), written_en, count=1), alone.sub(name, fa)
    return None


def joined(pairs: list[Line], rng: random.Random) -> Line:
    """Two or three sentences in one line, in the style of a writer or of a recognizer that heard no pause."""
    source, target = (" ".join(side) for side in zip(*pairs, strict=True))
    return (source, target) if rng.random() < 0.45 else recognizer(source, target)


def with_signs(written_en: str, rng: random.Random) -> str:
    """Figures with the signs of currency and percent, at times."""
    if rng.random() < 0.5:
        written_en = re.sub(r"([0-9,]+) dollars", r"$\1", written_en)
    return re.sub(r"([0-9]+) percent", r"\1%", written_en) if rng.random() < 0.5 else written_en


_CONJUNCTIONS = (("and", "و", 60), ("but", "اما", 15), ("because", "چون", 15), ("so", "پس", 10))
_ORDER = re.compile(
    r"(Please|Let's|Don't|Remember|Remind|Tell|Ask|Note|Hello|Hi|Good|Call|Take|Turn|Give|Show|See|Wake|Set|Go|Bring|"
    r"Thank|Welcome|A |One |The address|Press|Put|Look|Open|Here|Have|Stay|Enjoy|Yes|No|Happy|Merry|Wait|Come|Excuse)\b"
)


def clauses(first: Line, second: Line, proper: frozenset[str], rng: random.Random) -> Line | None:
    """Two statements as clauses of one sentence; nothing where the conjunction would make no sense."""
    (first_en, first_fa), (second_en, second_fa) = first, second
    if first_fa.endswith("؟") or second_fa.endswith("؟"):
        return None
    en, fa, _ = rng.choices(_CONJUNCTIONS, [weight for *_, weight in _CONJUNCTIONS])[0]
    if en != "and" and (_ORDER.match(first_en) or _ORDER.match(second_en)):
        return None
    head = second_en.split()[0].lower().split("'")[0]
    if head not in proper:
        second_en = second_en[0].lower() + second_en[1:]
    pair = f"{first_en[:-1]} {en} {second_en}", f"{bare(first_fa)} {fa} {second_fa}"
    return recognizer(*pair) if rng.random() < 0.55 else pair
