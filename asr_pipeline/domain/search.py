"""Words as they are looked for: spelled one way whatever way they were written, and found again in a text.

Case, accents, vowel marks, the Arabic forms of Persian letters and the kind of digits make no difference. A word of
several parts (a ZWNJ, a hyphen or an apostrophe between them) is found by its parts and by them written together.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asr_pipeline.domain.persian import with_one_spelling

QUERY_MAX_CHARS = 200
QUERY_MAX_WORDS = 20
INDEXED_MAX_CHARS = 50_000  # of an utterance: what is longer than any that was ever spoken is not searched to its end
SNIPPET_CHARS = 160
_MARKS = "\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed"  # accents, vowel marks, the tatweel
_PART = rf"[^\W_][^\W_{_MARKS}]*(?:[{_MARKS}]+[^\W_]*)*"
_WORD = re.compile(rf"{_PART}(?:[\u200c\u200d'\u2019\u02bc-]+{_PART})*")
_FOLDED_PART = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Term:
    """A word that is looked for: its parts, folded. `is_last`: what begins with it is found too."""

    parts: tuple[str, ...]
    is_last: bool = False

    @property
    def joined(self) -> str:
        """The parts, written together."""
        return "".join(self.parts)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a text, and where the words that were looked for stand in it: (first, end), in characters."""

    text: str
    marks: tuple[tuple[int, int], ...]


def indexed(text: str) -> str:
    """Give a text's words as an index should hold them, with spaces between them."""
    words = (parts for _, parts in _words(text[:INDEXED_MAX_CHARS]))
    return " ".join(form for parts in words for form in _forms(parts))


def terms(query: str) -> tuple[Term, ...]:
    """Give the words of what a person typed; nothing in it is syntax. None where there is no letter and no digit."""
    found = [parts for _, parts in _words(query[:QUERY_MAX_CHARS])][:QUERY_MAX_WORDS]
    return tuple(Term(parts, is_last=number == len(found)) for number, parts in enumerate(found, start=1))


def snippet(text: str, wanted: Sequence[Term]) -> Snippet:
    """Give the part of a text around the first word that was looked for, with all of them marked."""
    marks = [span for span, parts in _words(text) if any(_is_meant(term, parts) for term in wanted)]
    if len(text) <= SNIPPET_CHARS:
        return Snippet(text, tuple(marks))
    first = marks[0][0] if marks else 0
    start = max(0, min(first - SNIPPET_CHARS // 3, len(text) - SNIPPET_CHARS))
    if start:
        start = text.find(" ", start, first) + 1 or start
    end = start + SNIPPET_CHARS
    if end < len(text):
        end = max(text.rfind(" ", start, end), marks[0][1] if marks else 0, start + SNIPPET_CHARS // 2)
    before, after = "…" if start else "", "…" if end < len(text) else ""
    moved = len(before) - start
    shown = tuple((low + moved, high + moved) for low, high in marks if high <= end)
    return Snippet(f"{before}{text[start:end]}{after}", shown)


def _words(text: str) -> Iterator[tuple[tuple[int, int], tuple[str, ...]]]:
    for word in _WORD.finditer(text):
        if parts := _parts(word[0]):
            yield word.span(), parts


@lru_cache(maxsize=4096)  # speech says the same words again and again
def _parts(word: str) -> tuple[str, ...]:
    return tuple(_FOLDED_PART.findall(_folded(word)))


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", with_one_spelling(unicodedata.normalize("NFKC", text)).casefold())
    return "".join(each for each in with_one_spelling(plain) if unicodedata.category(each) not in {"Mn", "Me"})


def _forms(parts: Sequence[str]) -> Iterable[str]:
    return parts if len(parts) == 1 else (*parts, "".join(parts))


def _is_meant(term: Term, parts: Sequence[str]) -> bool:
    """Tell whether a word of a text is one of those that the term has found there."""
    wanted = (*term.parts, term.joined)
    forms = [*_forms(parts)]
    if any(form in wanted for form in forms):
        return True
    last = (term.joined,) if len(term.parts) == 1 else (term.joined, term.parts[-1])
    return term.is_last and any(form.startswith(last) for form in forms)
