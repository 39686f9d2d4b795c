"""Argos packages as they lie on disk: `metadata.json`, `model/` (CTranslate2), a tokenizer.

They are read here and not by argostranslate, whose requirements bring torch (docs/adr/0003-no-torch.md). Tests hold
the tokens and the texts to argostranslate's own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asr_pipeline.engines.byte_pairs import BytePairTokenizer
from asr_pipeline.engines.opus import OpusTokenizer, is_opus
from asr_pipeline.engines.sentence_pieces import SentencePieceTokenizer


class Tokenizer(Protocol):
    """Text to tokens of the source language, tokens of the target language to text."""

    def encode(self, text: str) -> list[str]:
        """Give a text's tokens; none for none."""

    def decode(self, tokens: Sequence[str]) -> str:
        """Give the text of a result's tokens."""


@dataclass(frozen=True, slots=True)
class TranslationPackage:
    """What a folder says of itself. `target_prefix` is a token that each result begins with, "" for none."""

    package_path: Path
    from_code: str
    to_code: str
    package_version: str
    tokenizer: Tokenizer
    target_prefix: str = ""


def open_package(folder: Path) -> TranslationPackage:
    """Read an Argos package, or an OPUS-MT model in its form. Raises OSError, ValueError."""
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    if not isinstance(metadata, dict):
        message = "metadata.json holds no object"
        raise ValueError(message)  # noqa: TRY004 - of the file's content
    source, target = (metadata.get(name) or "" for name in ("from_code", "to_code"))
    if not (source and target):
        message = "metadata.json without from_code or to_code"
        raise ValueError(message)
    return TranslationPackage(
        folder,
        source,
        target,
        metadata.get("package_version", ""),
        _tokenizer(folder, source, target, metadata.get("source_prefix", "")),
        metadata.get("target_prefix", ""),
    )


def _tokenizer(folder: Path, source: str, target: str, source_prefix: str) -> Tokenizer:
    if is_opus(folder):
        return OpusTokenizer(folder, source_prefix)
    pieces, pairs = folder / "sentencepiece.model", folder / "bpe.model"
    if pieces.exists():
        return SentencePieceTokenizer(pieces)
    if pairs.exists():
        return BytePairTokenizer(pairs, source, target)
    message = "no tokenizer: sentencepiece.model or bpe.model"
    raise ValueError(message)
