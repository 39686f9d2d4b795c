"""Endings that Persian writes onto a noun: moved from one noun to another, spelt as the other needs them."""

import re

from asr_pipeline.domain.persian import ZWNJ


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that lean on a noun and are never part of one; "در" is missing: it is "in", and "door".
LEANING_WORDS = _words("را که از به با برای و است هست")
# What an owner is in Persian, as an ending. The longer ones come first: "تان" ends with nothing shorter by chance.
ENDINGS_OF_OWNER = {
    "my": ("م",),
    "your": ("تان", "ت"),
    "his": ("ش",),
    "her": ("ش",),
    "its": ("ش",),
    "our": ("مان",),
    "their": ("شان",),
}
# Where one of these stands behind the noun, the owner is a word of its own.
OWNER_WORDS = _words("من تو او شما ما ایشان آنها آن‌ها خود خودم خودت خودش خودمان خودتان خودشان")
_VOWELS = ("ا", "و")
_LONG = 2
_PLURAL = re.compile(f"{ZWNJ}(ها(?:ی|یم|یت|یش|یمان|یتان|یشان)?)$")


def possessive(noun: str, ending: str) -> str:
    """Write an owner's ending onto a noun: کتابم, خودرویم, خانه‌ام."""
    if noun.endswith(_VOWELS):
        return f"{noun}ی{ending}"
    if _joins(noun):
        return f"{noun}{ending}"
    return f"{noun}{ZWNJ}{ending if len(ending) > _LONG else f'ا{ending}'}"


def ezafe(noun: str) -> str:
    """Tie a noun to the word behind it, where that is written: هوای, خانه‌ی. After a consonant it is only spoken."""
    if noun.endswith(_VOWELS):
        return f"{noun}ی"
    return noun if _joins(noun) or noun.endswith("ی") else f"{noun}{ZWNJ}ی"


def forms(noun: str, owner: str = "") -> tuple[str, ...]:
    """Give the ways in which a noun may stand in a sentence; what follows a joiner is free."""
    owned = (possessive(noun, ending) for ending in ENDINGS_OF_OWNER.get(owner, ()))
    return (noun, *owned, ezafe(noun))


def with_endings_of(rendering: str, noun: str, *, owner: str, plural: bool, next_word: str) -> str:
    """Give `noun` with the endings that `rendering`, whose place it takes, has: plural, owner, tie to the next word.

    Only clear ones: a plural that the source has and a joiner parts; an owner that the source names right before it;
    a written tie. A word that ends like that by itself is left alone.
    """
    if plural and (many := _PLURAL.search(rendering)):
        return f"{noun}{ZWNJ}{many[1]}"
    if next_word not in OWNER_WORDS:
        for ending in ENDINGS_OF_OWNER.get(owner, ()):
            if rendering.endswith(ending) and len(rendering) > len(ending) + 1:
                return possessive(noun, ending)
    if next_word and rendering.endswith((f"{ZWNJ}ی", "ای", "وی")):
        return ezafe(noun)
    return noun


def _joins(noun: str) -> bool:
    """Tell whether an ending may be joined to a noun: its last letter is a Persian consonant that is heard."""
    last, before = noun[-1], noun[-2:-1]
    if last == "ه":
        return before in _VOWELS
    return "\u0621" <= last <= "\u06d3" and last != "ی"
