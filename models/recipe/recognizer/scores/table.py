"""The table of the model card: measured, and held against what is to be reached."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.recipe.recognizer.scores.alignment import align, area_under_curve
from models.recipe.recognizer.scores.listening import HeardWord, Listener
from models.recipe.recognizer.scores.test_sets import TestRecording, noisy, recordings

NEAR_S = 0.1

Translate = Callable[[list[str]], list[str]]
"""English sentences to Persian ones."""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `at_most` tells whether it is to stay at or below the target or to reach it."""

    name: str
    value: float
    unit: str
    target: float
    at_most: bool

    @property
    def reached(self) -> bool:
        """Tell whether the figure is good enough."""
        return self.value <= self.target if self.at_most else self.value >= self.target


@dataclass(slots=True)
class _Heard:
    """What was recognised in one test."""

    words: int = 0
    errors: int = 0
    texts: list[str] = field(default_factory=list)
    right: list[float] = field(default_factory=list)
    wrong: list[float] = field(default_factory=list)
    unknown: int = 0
    start_errors_s: list[float] = field(default_factory=list)
    audio_s: float = 0.0
    cpu_s: float = 0.0
    mistakes: list[str] = field(default_factory=list)

    @property
    def error_rate(self) -> float:
        return 100 * self.errors / max(1, self.words)


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, what the speed was, and sentences with errors to read."""

    rows: list[Row]
    real_time_factor: float
    load_s: float
    unknown_shown: float
    mistakes: dict[str, list[str]]


def measure(
    model_dir: Path, speech_dir: Path, persian: dict[str, str] | None = None, translate: Translate | None = None
) -> Table:
    """Measure a model directory on the tests under `speech_dir` (seen, unseen, digits, unknown)."""
    began = time.perf_counter()
    listener = Listener(model_dir)
    load_s = time.perf_counter() - began
    generator = np.random.default_rng(6)
    heard = {name: _hear(listener, recordings(speech_dir / name)) for name in ("seen", "unseen", "digits", "unknown")}
    heard["noisy"] = _hear(listener, (noisy(recording, generator) for recording in recordings(speech_dir / "unseen")))
    starts = [abs(error) for name in ("seen", "unseen", "digits") for error in heard[name].start_errors_s]
    rows = [
        Row("WER, held-out sentences, voices of training", heard["seen"].error_rate, "%", 0.5, at_most=True),
        Row("WER, unseen synthetic voices", heard["unseen"].error_rate, "%", 1.0, at_most=True),
        Row("WER, the same with 12 dB pink noise, 8 kHz", heard["noisy"].error_rate, "%", 3.5, at_most=True),
        Row("WER, digit strings of unseen people", heard["digits"].error_rate, "%", 2.0, at_most=True),
        Row(
            "word starts within 0.1 s of the synthesizer's",
            100 * sum(error <= NEAR_S for error in starts) / max(1, len(starts)),
            "%",
            95.0,
            at_most=False,
        ),
        Row(
            "confidence, right against wrong words, AUC",
            area_under_curve(
                [value for test in heard.values() for value in test.right],
                [value for test in heard.values() for value in test.wrong],
            ),
            "",
            0.9,
            at_most=False,
        ),
    ]
    if not heard["digits"].words:  # no folder of human digits was given
        rows = [row for row in rows if "digit" not in row.name]
    if translate and persian:
        rows.append(_audio_to_persian(heard["unseen"], recordings(speech_dir / "unseen"), persian, translate))
    cpu_s, audio_s = (sum(getattr(test, name) for test in heard.values()) for name in ("cpu_s", "audio_s"))
    shown = heard["unknown"]
    return Table(
        rows,
        cpu_s / audio_s,
        load_s,
        shown.unknown / max(1, shown.unknown + len(shown.wrong)),
        {name: test.mistakes for name, test in heard.items()},
    )


def _hear(listener: Listener, test: Iterable[TestRecording]) -> _Heard:
    heard = _Heard()
    for recording in test:
        began = time.process_time()
        words = listener.listen(recording.pcm, recording.rate_hz)
        heard.cpu_s += time.process_time() - began
        heard.audio_s += len(recording.pcm) / recording.rate_hz
        _count(heard, recording, words)
    return heard


def _count(heard: _Heard, recording: TestRecording, words: list[HeardWord]) -> None:
    heard.texts.append(" ".join(word.text for word in words if not word.is_unknown))
    heard.words += len(recording.words)
    errors = 0
    for pair in align(recording.words, [word.text for word in words]):
        errors += not pair.right
        if pair.heard is None:
            continue
        word = words[pair.heard]
        if word.is_unknown:  # it says itself that it is no word: neither right nor wrong
            heard.unknown += 1
            continue
        (heard.right if pair.right else heard.wrong).append(word.confidence)
        start_s = recording.starts_s[pair.said] if pair.said is not None else None
        if pair.right and start_s is not None:
            heard.start_errors_s.append(word.start_s - start_s)
    heard.errors += errors
    if errors:
        heard.mistakes.append(f"{' '.join(recording.words)} | {' '.join(word.text for word in words)}")


def _audio_to_persian(
    heard: _Heard, test: Iterable[TestRecording], persian: dict[str, str], translate: Translate
) -> Row:
    import sacrebleu

    wanted = [persian[" ".join(recording.words)] for recording in test]
    score = sacrebleu.corpus_chrf(translate(heard.texts), [wanted]).score
    return Row("audio to Persian, unseen sentences and voices, chrF", score, "", 97.0, at_most=False)
