"""Sentences that are longer than what translators are trained on, divided where sense allows it."""

import re
from collections.abc import Iterator
from typing import Any

# CTranslate2 cuts inputs at 1,024 tokens without a word, and models are trained on sentences: longer ones are divided.
MAX_INPUT_TOKENS = 160
# An output four times as long as the longest input is a model repeating itself. CTranslate2's own limit is 256.
MAX_OUTPUT_TOKENS = 4 * MAX_INPUT_TOKENS
_SENTENCE_END = re.compile(r"(?<=[.?!…؟])\s+")
_CLAUSE_END = re.compile(r"(?<=[;:,،؛])\s+")
_WORD_END = re.compile(r"\s+")


def divide(tokenizer: Any, text: str) -> Iterator[list[str]]:  # noqa: ANN401 - Argos carries no types
    """Give a text's tokens, in as many parts as needed to keep each within `MAX_INPUT_TOKENS`.

    What is too long is divided into its sentences; a sentence that is too long is halved at the clause's end nearest
    to its middle, else between words, else between characters.
    """
    tokens = tokenizer.encode(text)
    if len(tokens) <= MAX_INPUT_TOKENS or len(text) < 2:  # noqa: PLR2004 - one character can't be halved
        if tokens:
            yield tokens
        return
    parts = _SENTENCE_END.split(text)
    for part in parts if len(parts) > 1 else _halves(text):
        yield from divide(tokenizer, part.strip())


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    clauses = [end.start() for end in _CLAUSE_END.finditer(text) if abs(end.start() - middle) <= middle // 2]
    cuts = clauses or [end.start() for end in _WORD_END.finditer(text)]
    cut = min(cuts, key=lambda place: abs(place - middle), default=middle)
    return text[:cut], text[cut:]
