"""Terms that a translation must use: where they stand in a sentence, and whether a translation has them."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.persian import ZWNJ, normalise
from asr_pipeline.domain.persian_endings import forms
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import TranslationSet

MAX_TERM_CHARS = 100
MAX_TRANSLATION_CHARS = 200
MIN_PLURAL_CHARS = 3  # "cars" is "car"; "as" is not "a"
OWNERS = frozenset({"my", "your", "his", "her", "its", "our", "their"})
_WORD = re.compile(r"\w+")
_LAST_WORD = re.compile(r"(\w+)\s+$")
_JOINERS = frozenset({ZWNJ, "\u200d"})  # the invisible characters that Persian and names may need
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u02bc": "'"})


@dataclass(frozen=True, slots=True, order=True)
class GlossaryEntry:
    """A term as it is spoken, folded, and what it must become. `glossary_entry` makes one of what a person typed."""

    term: str
    translation: str


@dataclass(frozen=True, slots=True)
class Match:
    """A term in a folded text. `plural`: with an -s that the entry has not; `owner`: my, your, …, right before it."""

    start: int
    end: int
    entry: GlossaryEntry
    plural: bool = False
    owner: str = ""


def folded(text: str) -> str:
    """Give a text in which equal words are equal characters: Unicode-normalised, without case, one apostrophe."""
    return unicodedata.normalize("NFKC", text).casefold().translate(_APOSTROPHES)


def glossary_entry(term: str, translation: str, language: str) -> GlossaryEntry:
    """Make an entry of what a person typed. Raises SettingInvalid where it can't be one."""
    clean_term = " ".join(folded(_checked("term", term, MAX_TERM_CHARS)).split())
    clean_translation = " ".join(
        unicodedata.normalize("NFC", _checked(f"translation of {term!r}", translation, MAX_TRANSLATION_CHARS)).split()
    )
    if language == "fa":
        clean_translation = normalise(clean_translation, "as-is")
    for subject, text in (("term", clean_term), ("translation", clean_translation)):
        if not _WORD.search(text):
            raise _invalid(f"the {subject} of the entry {term!r}", "a letter or a digit", repr(text))
    return GlossaryEntry(clean_term, clean_translation)


class Glossary:
    """The terms of a pair of languages, ready to be looked for: the cost grows with the sentence, not with them."""

    def __init__(self, entries: Iterable[GlossaryEntry] = (), *, language: str = "fa") -> None:
        self.language = language
        self.entries = tuple(sorted(set(entries)))
        self._by_first_word: dict[str, list[tuple[GlossaryEntry, int]]] = {}
        for entry in self.entries:
            if word := _WORD.search(entry.term):
                self._by_first_word.setdefault(word[0], []).append((entry, word.start()))

    def find(self, text: str) -> tuple[Match, ...]:
        """Give the terms in a text, in their order; where some overlap, the longest (then the first) is taken.

        Places are those of `folded(text)`.
        """
        if not self._by_first_word:
            return ()
        text = folded(text)
        taken: list[Match] = []
        for match in sorted(self._candidates(text), key=lambda one: (one.start - one.end, one.start)):
            if all(match.end <= other.start or other.end <= match.start for other in taken):
                taken.append(match)
        return tuple(sorted(taken, key=lambda one: one.start))

    def applicable(self, sentences: Iterable[str]) -> tuple[GlossaryEntry, ...]:
        """Give the entries that apply to any of the sentences, in their own order."""
        return tuple(sorted({match.entry for sentence in sentences for match in self.find(sentence)}))

    def fingerprint(self, sentences: Iterable[str]) -> str:
        """Name the entries that apply to the sentences: empty where none does."""
        return fingerprint(self.applicable(sentences))

    def missing(self, sentence: str, translation: str) -> list[GlossaryEntry]:
        """Give the entries that apply to a sentence and that its translation does not use."""
        found = self.find(sentence)
        return [match.entry for match in found if not uses(translation, match, self.language)]

    def _candidates(self, text: str) -> Iterator[Match]:
        for word in _WORD.finditer(text):
            known = self._by_first_word.get(word[0], [])
            if word[0].endswith("s"):
                known = [*known, *self._by_first_word.get(word[0][:-1], [])]
            for entry, first_word_at in known:
                start = word.start() - first_word_at
                if start >= 0 and (found := _pattern(entry.term).match(text, start)):
                    yield Match(start, found.end("term"), entry, bool(found["plural"]), _owner(text[:start]))


NO_GLOSSARY = Glossary()


def fingerprint(entries: Iterable[GlossaryEntry]) -> str:
    """Name a set of entries, in whatever order they come: empty where there is none."""
    parts = sorted({(entry.term, entry.translation) for entry in entries})
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12] if parts else ""


def uses(translation: str, match: Match, language: str) -> bool:
    """Tell whether a translation has a match's required words, as whole words; Persian endings may follow them."""
    required = match.entry.translation
    wanted = forms(required, match.owner) if language == "fa" else (required,)
    if language == "fa":
        translation = normalise(translation, "as-is")
    alternatives = "|".join(re.escape(folded(form)) for form in wanted)
    return re.search(rf"(?<!\w)(?:{alternatives})(?!\w)", folded(translation)) is not None


def missing_terms(
    glossaries: Mapping[str, Glossary], transcript: Transcript, sets: Sequence[TranslationSet]
) -> list[str]:
    """Name the required terms that a recording's translations lack, by language and utterance."""
    sentences = [utterance.sentence for utterance in transcript.utterances]
    return [
        f"{one.language}: utterance {translation.utterance_index}: {entry.term!r} is not {entry.translation!r}"
        for one in sets
        if one.language in glossaries
        for sentence, translation in zip(sentences, one.translations, strict=True)
        for entry in glossaries[one.language].missing(sentence, translation.text)
    ]


@lru_cache(maxsize=65_536)
def _pattern(term: str) -> re.Pattern[str]:
    """Match a term as whole words, in any spacing; a possessive and, of words that allow it, a plural may follow."""
    body = r"\s+".join(map(re.escape, term.split()))
    last_word = re.split(r"\W+", term)[-1]
    simple = last_word.isalpha() and len(last_word) >= MIN_PLURAL_CHARS and not last_word.endswith("s")
    before = r"(?<!\w)" if re.match(r"\w", term) else r"(?<!\S)"
    after = r"(?!\w)" if re.search(r"\w$", term) else r"(?!\S)"
    return re.compile(rf"{before}(?P<term>{body}(?P<plural>{'s?' if simple else ''}))(?:'s|')?{after}")


def _owner(before: str) -> str:
    word = _LAST_WORD.search(before[-10:])
    return word[1] if word and word[1] in OWNERS else ""


def _checked(subject: str, text: str, max_chars: int) -> str:
    """Refuse what is no text: empty, too long, or with characters that can't be seen."""
    if not text.strip():
        raise _invalid(subject, "some text", "none")
    if len(text) > max_chars:
        raise _invalid(subject, f"at most {max_chars} characters", f"{len(text):,}")
    for character in text:
        if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
            raise _invalid(subject, "letters, digits, marks and spaces", f"the character U+{ord(character):04X}")
    return text


def _invalid(subject: str, expected: str, found: str) -> SettingInvalid:
    return SettingInvalid(
        subject,
        expected=expected,
        found=found,
        remedy="Example: `asr-pipeline glossary add 'train station' 'ایستگاه راه‌آهن'`.",
    )
