"""Written text -> sentences, and back with other sentences in their places: lines, paragraphs and bullets stay."""

import re
from collections.abc import Sequence

from asr_pipeline.domain.phrases import CLOSING_MARKS, SENTENCE_MARKS

_LINE_BREAKS = re.compile(r"([\r\n\u2028\u2029]+)")
_BULLET = re.compile(r"\s*(?:(?:[-*\u2022\u2013\u2014>#]+|\(?\d{1,3}[.)]|\[[ xX]?\])\s+)*\s*")
_END = re.compile(rf"(?<=[{re.escape(SENTENCE_MARKS)}])[{re.escape(CLOSING_MARKS)}]*\s+")
LONGEST_ABBREVIATION = 8  # with what stands before it
_ABBREVIATION = re.compile(r"(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|vs|fig|cf|e\.g|i\.e|[a-z])\.$", re.IGNORECASE)


def divide(text: str) -> list[str]:
    """Give a text in parts that make it up again when joined: what lies between, a sentence, what lies between, ….

    Sentences have the odd places. What lies between holds line breaks, indents and bullets. A full stop after an
    abbreviation or an initial, or before a small letter, ends no sentence.
    """
    parts = [""]
    for place, line in enumerate(_LINE_BREAKS.split(text)):
        if place % 2:
            parts[-1] += line
            continue
        start = _BULLET.match(line).end()  # type: ignore[union-attr]  # it matches nothing as well
        parts[-1] += line[:start]
        for end in _ends(line, start):
            sentence = line[start:end].rstrip()
            if not any(character.isalnum() for character in sentence):
                parts[-1] += line[start:end]
            else:
                parts += [sentence, line[start + len(sentence) : end]]
            start = end
    return parts


def sentences(parts: Sequence[str]) -> list[str]:
    """Give the sentences of a divided text."""
    return list(parts[1::2])


def join(parts: Sequence[str], others: Sequence[str]) -> str:
    """Give a divided text with other sentences in their places."""
    joined = list(parts)
    joined[1::2] = others
    return "".join(joined)


def _ends(line: str, start: int) -> list[int]:
    """Give where sentences end, the space behind each included; the line's end last."""
    ends = [
        found.end()
        for found in _END.finditer(line, start)
        if not line[found.end() : found.end() + 1].islower()
        and not _ABBREVIATION.search(line[max(start, found.start() - LONGEST_ABBREVIATION) : found.start()])
    ]
    return ends if ends and ends[-1] == len(line) else [*ends, len(line)]
