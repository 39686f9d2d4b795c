"""Sentences as they are spoken and written: recognizer style, capitals and marks, contractions, hesitation."""

import random
import re

_MONTH_BESIDE_A_DATE = re.compile(
    r"\b(may|march)(?= (?:[0-9]|[a-z]+(?:st|nd|rd|th)\b|twenty |thirty ))"
    r"|(?<=\bof )(may|march)\b|(?<=\bin )(may|march)\b"
)
_CONTRACTIONS = (
    (r"\bI am\b", "I'm"),
    (r"\b([Yy]ou|[Ww]e|[Tt]hey) are\b", r"\1're"),
    (r"\b([Hh]e|[Ss]he|[Ii]t|[Tt]hat|[Ww]hat|[Ww]here|[Ww]ho) is\b", r"\1's"),
    (r"\b(I|[Yy]ou|[Hh]e|[Ss]he|[Ww]e|[Tt]hey|[Ii]t) will\b", r"\1'll"),
    (r"\bI would\b", "I'd"),
    (r"\b(I|[Yy]ou|[Ww]e|[Tt]hey) have (?=already|just|never|been)", r"\1've "),
    (r"\bcan't\b", "cannot"),
    (r"(?<=[a-z] )(is|was|were|did|do|does|are|could|has|have)n't\b", r"\1 not"),
)
FILLERS = ("um", "uh", "er", "well um", "uh um")


def spoken(en: str) -> str:
    """Lower case, apostrophes kept, no other marks: what a recognizer writes."""
    return re.sub(r" +", " ", re.sub(r"[^a-z0-9:$%' ]", " ", en.lower())).strip()


def written(en: str, *, question: bool, proper: frozenset[str]) -> str:
    """With a capital at its head and in ``proper`` nouns, and a mark at its end."""
    words = [word[:1].upper() + word[1:] if re.sub(r"'.*|,", "", word) in proper else word for word in en.split()]
    text = " ".join(words).replace("new York", "New York")
    text = _MONTH_BESIDE_A_DATE.sub(lambda match: match.group(0).capitalize(), text)
    return text[:1].upper() + text[1:] + ("?" if question else ".")


def persian(fa: str) -> str:
    """Spaces and marks in order, and a full stop unless it is a question."""
    text = re.sub(r" +", " ", fa).strip().replace(" ،", "،").replace(" ؟", "؟").replace("کجا است", "کجاست")
    return text if text.endswith("؟") else text + "."


def contracted(en: str, rng: random.Random) -> str:
    """A written sentence with some of the contractions that English allows."""
    if en.startswith("Why"):
        return en
    for pattern, short in _CONTRACTIONS:
        if rng.random() < 0.7:
            en = re.sub(pattern, short, en)
    return en


def hesitant(en: str, rng: random.Random) -> str:
    """A spoken sentence with one or two sounds of hesitation, or a word said twice."""
    words = en.split()
    for _ in range(rng.choice((1, 1, 2))):
        place = rng.randrange(len(words))
        if rng.random() < 0.25 and words[place] in _SAID_TWICE:
            words.insert(place, words[place])
        else:
            words.insert(place, rng.choice(FILLERS))
    return " ".join(words)


_SAID_TWICE = frozenset("i we you the to a is can could please my it they he she in and".split())
