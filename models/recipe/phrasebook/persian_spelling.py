"""Persian spelling: half space, ezafe, possessive endings, plural.

What is attached depends on how the word ends in speech, which the letters do not always tell: the last letter of
``خانه`` is a vowel, the same letter in ``ماه`` a consonant.
"""

from enum import Enum

HALF_SPACE = "\u200c"
"""Zero width non-joiner: parts of one word that are not joined (``می‌روم``)."""

_SOUNDED_HE = frozenset({"توجه", "متوجه", "ده", "نه", "به", "مه", "فرمانده", "شبیه", "سپه", "فقیه"})
_SILENT_AFTER_VAV = frozenset({"قهوه", "میوه", "شیوه", "جزوه", "نحوه"})
_CONSONANT_VAV = ("او", "یو", "لو")
_VOWEL_VAV = ("یو", "لو")
_CONSONANT_WORDS = frozenset({"نو", "پلو", "راهرو", "پیاده‌رو", "خودرو"})


_UNJOINED = ("ا", "د", "ذ", "ر", "ز", "ژ", "و")


class Ending(Enum):
    """How a word ends in speech."""

    SILENT_HE = "silent he"
    VOWEL = "long vowel"
    YE = "ye"
    CONSONANT = "consonant"


POSSESSIVE = {
    "my": ("م", "ام"),
    "his": ("ش", "اش"),
    "our": ("مان", "مان"),
    "your": ("تان", "تان"),
    "their": ("شان", "شان"),
}
"""Owner: the ending after a consonant, and the one that stands after a half space."""


def ending(phrase: str) -> Ending:
    """How the last word of ``phrase`` ends."""
    last = phrase.rsplit(maxsplit=1)[-1]
    if last.endswith("ه"):
        sounded = last.endswith(("اه", "وه")) or last in _SOUNDED_HE
        return Ending.CONSONANT if sounded and last not in _SILENT_AFTER_VAV else Ending.SILENT_HE
    if last in _CONSONANT_WORDS:
        return Ending.CONSONANT
    if last.endswith("ا") or last.endswith(_VOWEL_VAV) or (last.endswith("و") and not last.endswith(_CONSONANT_VAV)):
        return Ending.VOWEL
    return Ending.YE if last.endswith("ی") else Ending.CONSONANT


def ezafe(phrase: str) -> str:
    """``phrase`` as the head of a noun phrase: the written part of the linking vowel."""
    kind = ending(phrase)
    if kind is Ending.SILENT_HE:
        return phrase + HALF_SPACE + "ی"
    return phrase + "ی" if kind is Ending.VOWEL else phrase


def possessive(phrase: str, owner: str) -> str:
    """``phrase`` with the ending of ``owner``, a key of `POSSESSIVE`."""
    after_consonant, apart = POSSESSIVE[owner]
    kind = ending(phrase)
    if kind is Ending.CONSONANT:
        return phrase + after_consonant
    return phrase + "ی" + after_consonant if kind is Ending.VOWEL else phrase + HALF_SPACE + apart


def plural(phrase: str) -> str:
    """The plural in -ha; a half space keeps it from joining, where the last letter would join."""
    return phrase + ("" if phrase.endswith(_UNJOINED) else HALF_SPACE) + "ها"
