"""What people correct: texts in place of what was recognised or translated, and the times of their words."""

import datetime as dt
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import partial
from itertools import pairwise

from asr_pipeline.domain.errors import PermanentFailure
from asr_pipeline.domain.persian import ZWNJ, normalise
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, TranslationSet

TEXT_MAX_CHARS = 2000
ANCHOR_S = 2.0  # how far an utterance of the same words may have moved to be the same utterance
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = frozenset({ZWNJ, "\u200d"})


class TextInvalid(PermanentFailure):
    """What a person wrote can't be the text of an utterance."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One revision of an utterance's text in one language: who wrote what in place of what, and when.

    `recognised` and `start_s` are the utterance's as the recognizer gave it: where a newer transcript has other words
    there, the correction is not applied. Of an utterance's revisions at most one is.
    """

    number: int
    language: str
    utterance_index: int
    recognised: str
    start_s: float
    old_text: str
    new_text: str
    corrected_by: str
    corrected_at: dt.datetime
    applied: bool


@dataclass(frozen=True, slots=True)
class _Change:
    """Words that a person's words stand in place of."""

    words: Sequence[Word]
    typed: Sequence[str]
    stays: bool = False


def typed_text(text: str, language: str) -> str:
    """Give what a person typed as it is kept: one line, Unicode-normalised. Raises TextInvalid where it can't be."""
    cleaned = " ".join(unicodedata.normalize("NFC", text).split())
    if not any(character.isalnum() for character in cleaned):
        raise _invalid("a text with a letter or a digit", "none")
    if len(cleaned) > TEXT_MAX_CHARS:
        raise _invalid(f"at most {TEXT_MAX_CHARS:,} characters", f"{len(cleaned):,}")
    for character in cleaned:
        if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
            raise _invalid("letters, digits, marks and spaces", f"the character U+{ord(character):04X}")
    return normalise(cleaned, "as-is") if language == "fa" else cleaned


def version_of(text: str) -> str:
    """Name a text as it is now, so that a person who saw another does not write over it unawares."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def corrected_transcript(transcript: Transcript, texts: Mapping[int, str]) -> Transcript:
    """Give a transcript in which utterances have other texts, by index."""
    if not texts:
        return transcript
    return replace(
        transcript,
        utterances=tuple(
            replace(one, words=corrected_words(one.words, texts[one.index])) if one.index in texts else one
            for one in transcript.utterances
        ),
    )


def corrected_sets(sets: Sequence[TranslationSet], texts: Mapping[tuple[str, int], str]) -> list[TranslationSet]:
    """Give translations of which some have other texts, by language and utterance."""
    if not texts:
        return list(sets)
    return [
        replace(
            one,
            translations=tuple(
                replace(each, text=texts.get((one.language, each.utterance_index), each.text))
                for each in one.translations
            ),
        )
        for one in sets
    ]


def corrected_words(words: Sequence[Word], text: str) -> tuple[Word, ...]:
    """Give the words of a corrected text with times: the first begins and the last ends as the recognised ones did.

    A word that stays keeps its time and confidence. Where as many words stand in place of others, each takes the time
    of one; where more or fewer do, they share the time of those they replace by their lengths. A word that was only
    added shares the time of its neighbour. What a person wrote is certain: confidence 1.
    """
    typed = text.split()
    timed: list[Word] = []
    for change in _changes(words, typed):
        if change.stays:
            timed.append(replace(change.words[0], text=change.typed[0]))
        elif len(change.words) == len(change.typed):
            pairs = zip(change.words, change.typed, strict=True)
            timed += [replace(word, text=new, confidence=1.0) for word, new in pairs]
        else:
            timed += _spread(change.typed, change.words[0].start_s, change.words[-1].end_s)
    timed[0] = replace(timed[0], start_s=words[0].start_s)
    timed[-1] = replace(timed[-1], end_s=words[-1].end_s)
    return tuple(timed)


def anchored(corrections: Sequence[Correction], utterances: Iterable[Utterance]) -> list[Correction]:
    """Give corrections as they stand over a new transcript: moved with their utterances, or applied no longer.

    An utterance is the same where its words are, at about the same time. Of its revisions the newest is applied.
    """
    by_text: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        by_text.setdefault(utterance.text, []).append(utterance)
    placed: list[Correction] = []
    newest: dict[tuple[str, int], int] = {}
    for one in corrections:
        same = by_text.get(one.recognised, ())
        nearest = min(same, key=partial(_apart_s, one), default=None)
        if nearest is None or _apart_s(one, nearest) > ANCHOR_S:
            placed.append(replace(one, applied=False))
            continue
        placed.append(replace(one, utterance_index=nearest.index, applied=True))
        place = (one.language, nearest.index)
        newest[place] = max(one.number, newest.get(place, one.number))
    return [
        replace(one, applied=one.applied and newest[one.language, one.utterance_index] == one.number) for one in placed
    ]


def texts_in(corrections: Iterable[Correction]) -> tuple[dict[int, str], dict[tuple[str, int], str]]:
    """Give the texts that are applied: those in English by utterance, the others by language and utterance."""
    spoken: dict[int, str] = {}
    translated: dict[tuple[str, int], str] = {}
    for one in corrections:
        if one.applied and one.language == SOURCE_LANGUAGE:
            spoken[one.utterance_index] = one.new_text
        elif one.applied:
            translated[one.language, one.utterance_index] = one.new_text
    return spoken, translated


def _apart_s(correction: Correction, utterance: Utterance) -> float:
    return abs(utterance.start_s - correction.start_s)


def _changes(words: Sequence[Word], typed: Sequence[str]) -> list[_Change]:
    """Give what became of the words, in order; each change has words on both sides.

    What was added goes with the word before it, or after it at the beginning; what was removed leaves nothing.
    """
    matcher = SequenceMatcher(
        None, [_plain(word.text) for word in words], [_plain(one) for one in typed], autojunk=False
    )
    changes: list[_Change] = []
    added_first = 0  # words that were added before all others
    for kind, low, high, first, end in matcher.get_opcodes():
        if kind == "equal":
            changes += [
                _Change(words[low + n : low + n + 1], typed[first + n : first + n + 1], stays=True)
                for n in range(high - low)
            ]
        elif kind == "replace":
            changes.append(_Change(words[low:high], typed[first:end]))
        elif kind == "insert" and changes:
            changes[-1] = _Change(changes[-1].words, [*changes[-1].typed, *typed[first:end]])
        elif kind == "insert":
            added_first = end
    if added_first:
        changes[0] = _Change(changes[0].words, [*typed[:added_first], *changes[0].typed])
    return changes


def _spread(typed: Sequence[str], start_s: float, end_s: float) -> Iterator[Word]:
    """Part a time among words by their lengths."""
    lengths = [len(one) for one in typed]
    shares = [sum(lengths[:number]) / sum(lengths) for number in range(1, len(typed))]
    inner = (round(start_s + (end_s - start_s) * share, 3) for share in shares)
    ends = [start_s, *(min(max(each, start_s), end_s) for each in inner), end_s]
    for one, (first_s, last_s) in zip(typed, pairwise(ends), strict=True):
        yield Word(one, first_s, last_s, 1.0)


def _plain(word: str) -> str:
    """Give a word without case and marks around it: "Camera," is "camera"."""
    return word.casefold().strip(".,;:!?…\"'()[]") or word


def _invalid(expected: str, found: str) -> TextInvalid:
    return TextInvalid("the corrected text", expected=expected, found=found, remedy="Change it, and send it again.")
