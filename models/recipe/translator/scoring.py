"""Scores of a package on the test sets that `data.make` kept back, by CTranslate2 with greedy search."""

import json
import re
import tempfile
import time
import zipfile
from dataclasses import asdict
from pathlib import Path

import ctranslate2
import sacrebleu

from models.recipe.translator import card, data, styles, tokenizer
from models.recipe.translator.card import Score
from models.recipe.translator.styles import Line

_BATCH_SENTENCES = 64
_LONGEST_PIECES = 150
_SPEED_SENTENCES = 1_000
_MISTAKES = 40  # a test set's wrong translations that are written down to be read

TARGETS = {
    ("combinations", "written"): 99.0,
    ("combinations", "recognizer"): 99.0,
    ("figures", "written"): 98.0,
    ("two_sentences", "written"): 97.0,
    ("two_sentences", "recognizer"): 97.0,
    ("equal_digits", "written"): 99.0,
    ("equal_digits", "recognizer"): 99.0,
}
"""Test set and style: share of exact translations to reach, in percent."""


class Package:
    """A package, unzipped and loaded on one thread."""

    def __init__(self, path: Path) -> None:
        self.bytes = path.stat().st_size
        with tempfile.TemporaryDirectory() as folder:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
            (root,) = Path(folder).iterdir()
            started = time.perf_counter()
            self._translator = ctranslate2.Translator(
                str(root / "model"), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
            )
            self._pieces = tokenizer.load(root / "sentencepiece.model")
            self.load_s = time.perf_counter() - started

    def translate(self, lines: list[str], batch: int = _BATCH_SENTENCES) -> list[str]:
        """Persian of each of ``lines``."""
        found = self._translator.translate_batch(
            self._pieces.encode(lines, out_type=str),
            beam_size=1,
            max_batch_size=batch,
            max_decoding_length=_LONGEST_PIECES,
        )
        return [self._pieces.decode_pieces(result.hypotheses[0]) for result in found]


def report(work: Path, path: Path) -> None:
    """Score the package at ``path``; the table is printed, and written to ``work`` as JSON and as the card."""
    package = Package(path)
    scores, mistakes = list[Score](), list[str]()
    print(f"{'test':16} {'style':11} {'n':>5} {'exact %':>8} {'chrF':>6} {'to reach':>9}")
    for test in data.TESTS:
        written = data.read(work / f"test_{test}.tsv")
        for style in ("written", "recognizer"):
            lines = written if style == "written" else [styles.recognizer(*line) for line in written]
            if not lines or (test == "hesitation" and style == "written"):
                continue
            if style == "recognizer" and test != "figures":
                lines = [line for line in lines if not re.search("[0-9]", line[0])]
            score, wrong = _score(package, test, style, lines)
            scores.append(score)
            mistakes += wrong
            goal = f"{score.target_percent:.1f}" if score.target_percent else ""
            print(f"{test:16} {style:11} {score.sentences:5} {score.exact_percent:8.2f} {score.chrf:6.2f} {goal:>9}")
    per_s = _speed(package, [source for source, _ in data.read(work / "test_combinations.tsv")[:_SPEED_SENTENCES]])
    facts = {"bytes": package.bytes, "load_s": round(package.load_s, 3), **per_s}
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    card.write(work / f"{path.stem}.md", scores, facts)
    (work / "scores.json").write_text(json.dumps({"scores": [asdict(s) for s in scores], "facts": facts}, indent=1))
    (work / "mistakes.txt").write_text("\n".join(mistakes) + "\n", encoding="utf-8")


def _score(package: Package, test: str, style: str, lines: list[Line]) -> tuple[Score, list[str]]:
    found = package.translate([source for source, _ in lines])
    wanted = [target for _, target in lines]
    wrong = [
        f"{test} {style} | {source} | {got} | {right}"
        for (source, right), got in zip(lines, found, strict=True)
        if got != right
    ]
    score = Score(
        test=test,
        style=style,
        sentences=len(lines),
        exact_percent=100 * (1 - len(wrong) / len(lines)),
        chrf=sacrebleu.corpus_chrf(found, [wanted]).score,
        target_percent=TARGETS.get((test, style)),
    )
    return score, wrong[:_MISTAKES]


def _speed(package: Package, lines: list[str]) -> dict[str, float]:
    """Sentences a second of processor time, on one thread."""
    speeds = dict[str, float]()
    for name, batch in (("one by one", 1), (f"in batches of {_BATCH_SENTENCES}", _BATCH_SENTENCES)):
        started = time.process_time()
        package.translate(lines, batch)
        speeds[f"sentences/s {name}"] = round(len(lines) / (time.process_time() - started))
    return speeds
