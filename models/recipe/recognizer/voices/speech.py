"""What is said, by whom, and what came out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import gcd
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.features import SAMPLE_RATE_HZ

PEAK = 0.6
"""Every voice is brought to this peak; augmentation moves it again."""

Pcm = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of the plan. `settings` are the voice's own knobs, such as pace and pitch."""

    utterance_id: str
    engine: str
    voice: str
    text: str
    settings: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Speech:
    """16 kHz mono, and the start and end in seconds of each word of the text."""

    pcm: Pcm
    words: tuple[tuple[float, float], ...]


class Speaker(Protocol):
    """A synthesizer, or what stands in for one."""

    def speak(self, utterances: Sequence[Utterance]) -> Iterator[Speech]:
        """Say each utterance, in order."""
        ...


class SpeechError(RuntimeError):
    """A synthesizer failed, or did not say what it was asked to say."""

    def __init__(self, utterance: Utterance, found: str) -> None:
        super().__init__(
            f"{utterance.engine} {utterance.voice} could not say {utterance.text!r} ({utterance.utterance_id}): {found}"
        )
        self._parts = (utterance, found)

    def __reduce__(self) -> tuple[type["SpeechError"], tuple[Utterance, str]]:
        """Let it cross from a worker process."""
        return SpeechError, self._parts


def to_pcm(samples: npt.NDArray[np.float64], rate_hz: int) -> Pcm:
    """Bring samples of any scale and rate to 16-bit samples at 16 kHz."""
    from scipy.signal import resample_poly

    if rate_hz != SAMPLE_RATE_HZ:
        common = gcd(rate_hz, SAMPLE_RATE_HZ)
        samples = resample_poly(samples, SAMPLE_RATE_HZ // common, rate_hz // common)
    peak = float(np.abs(samples).max(initial=0.0))
    scale = PEAK * 32767 / peak if peak else 0.0
    pcm: Pcm = np.round(samples * scale).astype(np.int16)
    return pcm


def ends_from_starts(starts: Sequence[float], end_s: float) -> tuple[tuple[float, float], ...]:
    """Let each word end where the next later one starts: words that share a start were told as one."""
    spans = []
    for number, start in enumerate(starts):
        later = (other for other in starts[number + 1 :] if other > start)
        spans.append((start, next(later, max(end_s, start))))
    return tuple(spans)


def join_tokens(text: str, tokens: Sequence[tuple[str, float, float]]) -> tuple[tuple[float, float], ...]:
    """Give each word's span from a synthesizer's tokens (name, start, end); "sara's" may be two of them.

    As many tokens as words are the words, however they are spelt ("a" as _a, "read" as red). Otherwise tokens that
    do not spell the text give fewer spans than it has words.
    """
    if len(tokens) == len(text.split()):
        return tuple((start, max(end, start)) for _, start, end in tokens)
    spans: list[tuple[float, float]] = []
    waiting = list(tokens)
    for word in text.split():
        letters = word.replace("'", "")
        used: list[tuple[str, float, float]] = []
        while waiting and len(_spelling(used)) < len(letters):
            used.append(waiting.pop(0))
        if _spelling(used) != letters:
            return tuple(spans)
        while waiting and not waiting[0][0].replace("'", ""):
            used.append(waiting.pop(0))
        spans.append((used[0][1], max(used[-1][2], used[0][1])))
    return tuple(spans) if not waiting else ()


def _spelling(tokens: Sequence[tuple[str, float, float]]) -> str:
    return "".join(name.replace("'", "").removeprefix("_").lower() for name, _, _ in tokens)
