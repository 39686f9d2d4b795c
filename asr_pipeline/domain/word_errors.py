"""Word error rate: how far a transcript is from what a person says was spoken.

Distances are kept as the bits of one whole number a word (Hyyrö's form of Myers' algorithm), and the alignment is found
by halving (Hirschberg): an hour of speech takes a second, and memory grows with its words, not with their square.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

_APOSTROPHES = str.maketrans("’‘ʼ＇", "''''")  # noqa: RUF001 - what people type for one
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class WordErrors:
    """What must be changed to make a transcript of a reference. `words` are the reference's."""

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All that must be changed: the fewest words possible."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """Errors to a word of the reference, which may be above 1; None where it has no word."""
        return self.errors / self.words if self.words else None

    def __add__(self, other: "WordErrors") -> "WordErrors":
        """Sum up over recordings: long ones count for more."""
        return WordErrors(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


def spoken_words(text: str) -> list[str]:
    """Give a text's words as a recognizer writes them: lower case, no punctuation but the apostrophe within a word."""
    plain = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    return _WORD.findall(plain)


def word_error_rate(reference: str, hypothesis: str) -> WordErrors:
    """Compare what was spoken with what was recognised, word by word, after `spoken_words`."""
    spoken, recognised = spoken_words(reference), spoken_words(hypothesis)
    changed, missing, added = _changes(spoken, recognised)
    return WordErrors(len(spoken), changed, missing, added)


def _changes(spoken: Sequence[str], recognised: Sequence[str]) -> tuple[int, int, int]:
    """Count (changed, missing, added) words of an alignment with the fewest of them."""
    start, end = _same_at_ends(spoken, recognised)
    spoken, recognised = spoken[start : len(spoken) - end], recognised[start : len(recognised) - end]
    if not spoken or not recognised:
        return 0, len(spoken), len(recognised)
    if len(spoken) == 1:
        return (0 if spoken[0] in recognised else 1), 0, len(recognised) - 1
    half = len(spoken) // 2
    before = _distances(spoken[:half], recognised)
    after = _distances(spoken[half:][::-1], recognised[::-1])[::-1]
    cut = min(range(len(recognised) + 1), key=lambda place: before[place] + after[place])
    first, second = _changes(spoken[:half], recognised[:cut]), _changes(spoken[half:], recognised[cut:])
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def _same_at_ends(spoken: Sequence[str], recognised: Sequence[str]) -> tuple[int, int]:
    """Give how many words are the same at the start, and at the end of the rest."""
    most = min(len(spoken), len(recognised))
    start = next((at for at in range(most) if spoken[at] != recognised[at]), most)
    end = next((at for at in range(most - start) if spoken[-1 - at] != recognised[-1 - at]), most - start)
    return start, end


def _distances(spoken: Sequence[str], recognised: Sequence[str]) -> list[int]:
    """Give how many changes lead from `spoken` to the first 0, 1, 2, … words of `recognised`."""
    places: dict[str, int] = {}
    for place, word in enumerate(recognised):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(recognised)) - 1
    more, fewer = every, 0  # whether each further word adds a change, or takes one away
    for word in spoken:
        same = places.get(word, 0)
        kept = ((((same & more) + more) ^ more) | same | fewer) & every
        later_more = (fewer | ~(kept | more)) << 1 | 1
        later_fewer = (kept & more) << 1
        more = (later_fewer | ~(kept | later_more)) & every
        fewer = later_more & kept
    steps = (
        int(up) - int(down) for up, down in zip(*(_bits(each, len(recognised)) for each in (more, fewer)), strict=True)
    )
    return list(accumulate(steps, initial=len(spoken)))


def _bits(number: int, count: int) -> str:
    """Give a number's bits as text, the lowest first."""
    return f"{number:0{count}b}"[::-1]
