"""Translations, aligned to utterances."""

import re
from dataclasses import dataclass

SOURCE_LANGUAGE = "en"
DEFAULT_TARGET_LANGUAGE = "fa"
_CODE = re.compile(r"[a-z]{2,3}")


def is_language_code(code: str) -> bool:
    """Tell whether a text has the form of an ISO 639 code."""
    return _CODE.fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class Translation:
    """One sentence in one language for one utterance. `language` is an ISO 639-1 code."""

    utterance_index: int
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class TranslationSet:
    """All of a recording's translations into one language, and the engine, model and version that made them.

    `glossary` names the glossary entries that apply to the recording (`domain.glossary`); empty where none does.
    """

    recording_id: str
    language: str
    engine: str
    model: str
    model_version: str
    translations: tuple[Translation, ...]
    glossary: str = ""
