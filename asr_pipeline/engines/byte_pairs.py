"""Tokenizers of Argos packages that hold a `bpe.model` in place of SentencePiece's: Moses' rules, then byte pairs.

The importer of sacremoses. The file lists the pairs of symbols that are merged, the first ones first.
"""

import math
from collections.abc import Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

CONTINUED = "@@"  # after a token that the next one belongs to
END = "</w>"
_FIRST_LINE = "#version:"
_OLD, _NEW = "0.1", "0.2"  # the end of a word: a symbol of its own, or part of its last letter's


class BytePairTokenizer:
    """Encodes the source language, decodes the target language. It is loaded when it is first used."""

    def __init__(self, file: Path, source: str, target: str) -> None:
        self._file, self._source, self._target = file, source, target
        self._pieces = lru_cache(maxsize=65536)(self._merge)

    def encode(self, text: str) -> list[str]:
        """Give a text's tokens; none for none. Raises OSError, ValueError where the file can't be read."""
        normalizer, tokenizer, _ = self._moses
        words = tokenizer.tokenize(normalizer.normalize(text))
        return [token for word in words for token in _continued(self._pieces(word))]

    def decode(self, tokens: Sequence[str]) -> str:
        """Give the text of a result's tokens."""
        words = " ".join(tokens).replace(f"{CONTINUED} ", "").split(" ")
        text: str = self._moses[2].detokenize(words)
        return text

    def _merge(self, word: str) -> tuple[str, ...]:
        """Merge a word's neighbours, of the pair that is listed first, until no pair is listed."""
        version, ranks = self._merges
        symbols = [*word, END] if version == _OLD else [*word[:-1], word[-1] + END]
        while len(symbols) > 1:
            best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, math.inf))
            if best not in ranks:
                break
            symbols = _joined(symbols, best)
        last = symbols.pop().removesuffix(END)
        return (*symbols, last) if last else tuple(symbols)

    @cached_property
    def _merges(self) -> tuple[str, dict[tuple[str, ...], int]]:
        """Give (version of the format, rank of each pair)."""
        lines = self._file.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        version = _OLD
        if lines and lines[0].startswith(_FIRST_LINE):
            version = ".".join(lines.pop(0).split()[-1].split(".")[:2])
        if version not in {_OLD, _NEW}:
            message = f"{self._file.name} has format {version}; {_OLD} and {_NEW} are known"
            raise ValueError(message)
        ranks: dict[tuple[str, ...], int] = {}
        for line in lines:
            pair = tuple(line.strip("\r ").split(" "))
            if len(pair) != 2:  # noqa: PLR2004
                message = f"{self._file.name}: {line[:40]!r} is no pair of symbols"
                raise ValueError(message)
            ranks.setdefault(pair, len(ranks))
        return version, ranks

    @cached_property
    def _moses(self) -> tuple[Any, Any, Any]:
        """Load the file, and give Moses' (normalizer, tokenizer, detokenizer)."""
        from sacremoses.normalize import MosesPunctNormalizer  # noqa: PLC0415 - only such packages pay for it
        from sacremoses.tokenize import MosesDetokenizer, MosesTokenizer  # noqa: PLC0415

        _ = self._merges
        return MosesPunctNormalizer(self._source), MosesTokenizer(self._source), MosesDetokenizer(self._target)


def _joined(symbols: Sequence[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of a pair, from the left."""
    joined: list[str] = []
    rest = iter(symbols)
    for symbol in rest:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
            after = next(rest, None)  # what was joined just now begins no further pair of the same kind
            if after is not None:
                joined.append(after)
        else:
            joined.append(symbol)
    return joined


def _continued(pieces: Sequence[str]) -> list[str]:
    return [*(piece + CONTINUED for piece in pieces[:-1]), *pieces[-1:]]
