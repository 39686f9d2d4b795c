"""Words, utterances and transcripts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

SENTENCE_ENDS = ".?!…"
NOT_UNDERSTOOD = "…"  # stands as a word for speech that is no word of the recognizer's
_GAP = re.compile(rf"\s*(?<!\S){NOT_UNDERSTOOD}(?![^\s{SENTENCE_ENDS},])")


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word. Times are relative to the recording; confidence is from 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Text that the recognizer finalised, with its words. It has at least one word."""

    index: int
    channel: int
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words, joined by spaces."""
        return " ".join(word.text for word in self.words)

    @property
    def start_s(self) -> float:
        """Start of the first word."""
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        """End of the last word."""
        return self.words[-1].end_s

    @property
    def confidence(self) -> float:
        """Mean confidence of the words."""
        return sum(word.confidence for word in self.words) / len(self.words)

    @property
    def sentence(self) -> str:
        """The text with a capital and a full stop: translators are trained on written sentences."""
        return as_sentence(self.text)


@dataclass(frozen=True, slots=True)
class Transcript:
    """A recording's utterances in the order of time, and what made them."""

    recording_id: str
    engine: str
    model: str
    model_version: str
    chunk_bytes: int
    utterances: tuple[Utterance, ...]

    @property
    def word_count(self) -> int:
        """Number of words."""
        return sum(len(utterance.words) for utterance in self.utterances)

    @property
    def mean_confidence(self) -> float | None:
        """Mean confidence over all words, or None where there is none."""
        if not self.utterances:
            return None
        return sum(word.confidence for u in self.utterances for word in u.words) / self.word_count


def in_time_order(utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
    """Sort by start, then channel, and number from 0: the order in which people spoke, whatever finished first."""
    ordered = sorted(utterances, key=lambda u: (u.start_s, u.channel, u.end_s))
    return tuple(replace(utterance, index=index) for index, utterance in enumerate(ordered))


def as_sentence(text: str) -> str:
    """Give `text` a capital, and a full stop if it has no end mark. Empty text stays empty."""
    text = text.strip()
    if not text:
        return ""
    text = text[0].upper() + text[1:]
    return text if text[-1] in SENTENCE_ENDS else f"{text}."


def without_gaps(sentence: str) -> str:
    """Leave out each `NOT_UNDERSTOOD` that stands by itself, for translators; a sentence of nothing else stays."""
    known = _GAP.sub("", sentence).strip()
    return as_sentence(known) if known not in {sentence.strip(), "", *SENTENCE_ENDS} else sentence.strip()
