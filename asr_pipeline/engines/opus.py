"""OPUS-MT models, in the shape that `argos.py` works with: a tokenizer for each side, and a written end."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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

    def decode(self, tokens: list[str]) -> str:
        """Give the text of a result's tokens."""
        text: str = self._target.decode_pieces(list(tokens))
        return text

    @cached_property
    def _source(self) -> Any:  # noqa: ANN401 - it carries no types
        return _load(self._folder / "source.spm")

    @cached_property
    def _target(self) -> Any:  # noqa: ANN401
        return _load(self._folder / "target.spm")


@dataclass(frozen=True)
class OpusPackage:
    """What an Argos package has, of an OPUS-MT model."""

    package_path: Path
    from_code: str
    to_code: str
    package_version: str
    tokenizer: OpusTokenizer
    target_prefix: str = ""


def is_opus(folder: Path) -> bool:
    """Tell whether a folder holds an OPUS-MT model."""
    return (folder / "source.spm").is_file()


def open_opus(folder: Path) -> OpusPackage:
    """Read what the folder says of itself. Raises OSError, ValueError."""
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    return OpusPackage(
        folder,
        metadata.get("from_code", ""),
        metadata.get("to_code", ""),
        metadata.get("package_version", ""),
        OpusTokenizer(folder, metadata.get("source_prefix", "")),
    )


def _load(file: Path) -> Any:  # noqa: ANN401
    import sentencepiece  # noqa: PLC0415 - only those who translate pay for it

    return sentencepiece.SentencePieceProcessor(model_file=str(file))
