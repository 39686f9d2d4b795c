"""SentencePiece tokenizers, of Argos packages and of OPUS-MT models: the importer of sentencepiece."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

SPACE = "▁"


def open_pieces(file: Path) -> Any:  # noqa: ANN401 - it carries no types
    """Load a tokenizer's model. Raises OSError, RuntimeError where it can't be read."""
    import sentencepiece  # noqa: PLC0415 - only those who translate pay for it

    return sentencepiece.SentencePieceProcessor(model_file=str(file))


class SentencePieceTokenizer:
    """An Argos package's `sentencepiece.model`: both languages in one. It is loaded when it is first used."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def encode(self, text: str) -> list[str]:
        """Give a text's tokens; none for none."""
        pieces: list[str] = self._pieces.encode(text, out_type=str)
        return pieces

    def decode(self, tokens: Sequence[str]) -> str:
        """Give the text of a result's tokens. As in Argos, an underscore is a space too."""
        text: str = self._pieces.decode_pieces(list(tokens))
        return text.replace(SPACE, " ").replace("_", " ")

    @cached_property
    def _pieces(self) -> Any:  # noqa: ANN401
        return open_pieces(self._file)
