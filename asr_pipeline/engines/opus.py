"""The tokenizers of OPUS-MT models: one for each side, and a written end."""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from asr_pipeline.engines.sentence_pieces import open_pieces

END = "</s>"


class OpusTokenizer:
    """Encodes with the source's tokenizer, decodes with the target's.

    `prefix` comes before each sentence. Models of the transformers library want the sentence's end written; those of
    Marian add it themselves, as their configuration says.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._folder = folder
        self._first = [prefix] if prefix else []
        configuration = json.loads((folder / "model" / "config.json").read_text(encoding="utf-8"))
        self._last = [] if configuration.get("add_source_eos") else [END]

    def encode(self, text: str) -> list[str]:
        """Give a text's tokens; none for none."""
        pieces: list[str] = self._source.encode(text, out_type=str)
        return [*self._first, *pieces, *self._last] if pieces else []

    def decode(self, tokens: Sequence[str]) -> str:
        """Give the text of a result's tokens."""
        text: str = self._target.decode_pieces(list(tokens))
        return text

    @cached_property
    def _source(self) -> Any:  # noqa: ANN401 - it carries no types
        return open_pieces(self._folder / "source.spm")

    @cached_property
    def _target(self) -> Any:  # noqa: ANN401
        return open_pieces(self._folder / "target.spm")


def is_opus(folder: Path) -> bool:
    """Tell whether a folder holds an OPUS-MT model."""
    return (folder / "source.spm").is_file()
