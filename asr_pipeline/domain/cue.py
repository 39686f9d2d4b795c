"""Cues, what they may look like at most, and what is wrong with cues that don't keep to it."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asr_pipeline.domain.persian import PersianDigits

TOLERANCE_S = 0.002  # times are rounded to the millisecond that subtitle files can hold
_INVISIBLE = frozenset({"Mn", "Me", "Cf"})  # vowel marks, ZWNJ, isolates


@dataclass(frozen=True, slots=True)
class CaptionRules:
    """What a person may choose about subtitles.

    Limits on lines and on reading speed hold for each language of a cue: people read one of them. 42 characters, two
    lines, 20 characters a second, 5/6 s to 7 s and a gap of two frames are what streaming services ask for (Netflix'
    Timed Text Style Guide, English).
    """

    max_line_chars: int = 42
    max_lines: int = 2
    max_chars_per_s: float = 20
    min_cue_s: float = 5 / 6
    max_cue_s: float = 7
    gap_s: float = 0.08
    persian_digits: PersianDigits = "persian"


@dataclass(frozen=True, slots=True)
class CueText:
    """The lines of a cue in one language, as an ISO code."""

    language: str
    lines: tuple[str, ...]

    @property
    def chars(self) -> int:
        """Characters that are read, spaces included."""
        return visible_chars(" ".join(self.lines))


@dataclass(frozen=True, slots=True)
class Cue:
    """What is shown at once: one text, or one in each of two languages. Times are relative to the recording."""

    start_s: float
    end_s: float
    texts: tuple[CueText, ...]

    @property
    def duration_s(self) -> float:
        """How long it is shown."""
        return self.end_s - self.start_s

    @property
    def chars_per_s(self) -> float:
        """Reading speed that the language with most characters asks for."""
        return reading_chars(self.texts) / self.duration_s if self.duration_s > 0 else float("inf")


@lru_cache(maxsize=4096)  # the breaking of lines asks for the same words again and again
def visible_chars(text: str) -> int:
    """Count the characters that take room on screen."""
    return sum(unicodedata.category(character) not in _INVISIBLE for character in text)


def reading_chars(texts: Sequence[CueText]) -> int:
    """Characters of the longest of a cue's texts: each reader reads one of them."""
    return max((text.chars for text in texts), default=0)


def violations(cues: Sequence[Cue], rules: CaptionRules, duration_s: float) -> list[str]:
    """Say where cues break the rules, a sentence each; none where all is well. `duration_s` is the recording's.

    Text that was spoken faster than the rules let it be read, with no pause to show it longer in, is among them, and
    its sentence says so.
    """
    found: list[str] = []
    for index, cue in enumerate(cues):
        following = cues[index + 1] if index + 1 < len(cues) else None
        name = f"cue {index + 1} at {cue.start_s:.3f} s"
        found += [
            f"{name} {wrong}" for wrong in (*_wrong_times(cue, following, rules, duration_s), *_wrong_lines(cue, rules))
        ]
        if cue.duration_s > 0 and reading_chars(cue.texts) > rules.max_chars_per_s * (cue.duration_s + TOLERANCE_S):
            until_s = min(following.start_s - rules.gap_s if following else duration_s, cue.start_s + rules.max_cue_s)
            why = "" if until_s > cue.end_s + TOLERANCE_S else ", and there is no room to show it longer"
            found.append(
                f"{name} reads at {cue.chars_per_s:.1f} characters a second, above {rules.max_chars_per_s:g}{why}"
            )
    return found


def _wrong_times(cue: Cue, following: Cue | None, rules: CaptionRules, duration_s: float) -> Iterator[str]:
    if cue.start_s < 0 or cue.end_s > duration_s + TOLERANCE_S:
        yield f"to {cue.end_s:.3f} s lies outside the recording of {duration_s:.3f} s"
    if cue.duration_s <= 0:
        yield "ends before it starts"
    elif cue.duration_s < rules.min_cue_s - TOLERANCE_S:
        yield f"is shown for {cue.duration_s:.3f} s, below {rules.min_cue_s:.3f} s"
    if cue.duration_s > rules.max_cue_s + TOLERANCE_S:
        yield f"is shown for {cue.duration_s:.3f} s, above {rules.max_cue_s:.3f} s"
    if following is not None:
        gap_s = following.start_s - cue.end_s
        if gap_s < 0:
            yield f"overlaps the next by {-gap_s:.3f} s"
        elif gap_s < rules.gap_s - TOLERANCE_S:
            yield f"is {gap_s:.3f} s before the next, below {rules.gap_s:.3f} s"


def _wrong_lines(cue: Cue, rules: CaptionRules) -> Iterator[str]:
    if not any(line.strip() for text in cue.texts for line in text.lines):
        yield "is empty"
    for text in cue.texts:
        if len(text.lines) > rules.max_lines:
            yield f"has {len(text.lines)} lines of {text.language}, above {rules.max_lines}"
        for line in text.lines:
            if visible_chars(line) > rules.max_line_chars:
                yield f"has a line of {visible_chars(line)} characters, above {rules.max_line_chars}"
