"""Persian as Persians write it: its own ی and ک, joiners, digits and punctuation."""

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

from asr_pipeline.domain.bidi import LATIN_RUN

PersianDigits = Literal["persian", "latin", "as-is"]  # how digits are written in Persian text
ZWNJ = "\u200c"
# Arabic letters that look alike and that Persian fonts, searches and spell checkers take for others.
_LETTERS = str.maketrans({"\u064a": "\u06cc", "\u0649": "\u06cc", "\u0643": "\u06a9"})
_PERSIAN_DIGITS = "".join(map(chr, range(0x06F0, 0x06FA)))
_ARABIC_DIGITS = "".join(map(chr, range(0x0660, 0x066A)))
_LATIN_DIGITS = "0123456789"
_TO_PERSIAN = str.maketrans(_LATIN_DIGITS + _ARABIC_DIGITS, _PERSIAN_DIGITS * 2)
_TO_LATIN = str.maketrans(_PERSIAN_DIGITS + _ARABIC_DIGITS, _LATIN_DIGITS * 2)
# Written both ways: he for te marbuta and he with hamza; the tatweel, which only lengthens a letter.
_SEARCHED = str.maketrans({"\u0629": "\u0647", "\u06c0": "\u0647", "\u06d5": "\u0647", "\u0640": None})
_PUNCTUATION = {",": "،", ";": "؛", "?": "؟"}
_LATIN_PUNCTUATION = re.compile(r"(?<!\d),|,(?!\d)|[;?]")
_PRESENTATION_FORM = re.compile(r"[\ufb50-\ufdfb\ufe70-\ufefc]")
_LOOSE_ZWNJ = re.compile(rf"{ZWNJ}*(?:^|$|(?<=\s)|(?=\s)){ZWNJ}+|{ZWNJ}+(?=\s|$)")
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[،؛؟.!:](?:\s|$))")


def normalise(text: str, digits: PersianDigits = "persian") -> str:
    """Write text with Persian letters, digits and marks; a ZWNJ stays wherever it parts two letters.

    Latin names and what belongs to them ("MP3", "C++") are left as they are.
    """
    text = unicodedata.normalize("NFC", text)
    text = _PRESENTATION_FORM.sub(lambda form: unicodedata.normalize("NFKC", form[0]), text)
    text = _outside_latin(text.translate(_LETTERS), lambda part: _marks(_digits(part, digits)))
    text = re.sub(f"{ZWNJ}{{2,}}", ZWNJ, text)
    return _SPACE_BEFORE_MARK.sub("", _LOOSE_ZWNJ.sub("", text))


def with_one_spelling(text: str) -> str:
    """Give a text in which Persian words and numbers are spelled one way, for searches: not for people to read."""
    return text.translate(_LETTERS).translate(_TO_LATIN).translate(_SEARCHED)


def _outside_latin(text: str, change: Callable[[str], str]) -> str:
    """Change what stands between Latin runs, and leave these alone."""
    parts: list[str] = []
    end = 0
    for run in LATIN_RUN.finditer(text):
        parts += [change(text[end : run.start()]), run[0]]
        end = run.end()
    return "".join([*parts, change(text[end:])])


def _digits(text: str, digits: PersianDigits) -> str:
    match digits:
        case "persian":
            return text.translate(_TO_PERSIAN)
        case "latin":
            return text.translate(_TO_LATIN)
        case "as-is":
            return text


def _marks(text: str) -> str:
    """Turn Latin punctuation Persian; a comma between digits parts thousands, and stays."""
    return _LATIN_PUNCTUATION.sub(lambda mark: _PUNCTUATION[mark[0]], text)
