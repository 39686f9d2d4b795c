"""From the phrasebook to training lines and test sets, as tab-separated files.

Every 37th slot combination goes to the tests and to no training line (`phrasebook.held_out`); a test sentence that
another template happened to write for training is dropped.
"""

import random
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from models.recipe.phrasebook import Pair, held_out, sentences, writing
from models.recipe.phrasebook.entries import Entry
from models.recipe.phrasebook.generation import proper_nouns
from models.recipe.phrasebook.numbers import DIGIT_WORDS_EN
from models.recipe.phrasebook.slots import all_slots
from models.recipe.phrasebook.templates import Template, slot_class
from models.recipe.translator import styles
from models.recipe.translator.sizes import Sizes
from models.recipe.translator.styles import Line

TESTS = ("combinations", "figures", "two_sentences", "equal_digits", "names", "hesitation")
"""Names of the test sets; each lies in ``test_NAME.tsv``: written English, Persian."""

_MOST_TESTS = 2_000  # lines of a test set
_NUMBER_SLOTS = frozenset(
    "num small few deg age mins price big million roomno "  # counts
    "clock at date ondate year span datespan dayat digits code".split()
)
_DIGIT_SLOTS = frozenset({"digits", "code"})
_EQUAL_DIGITS = re.compile(rf"\b({'|'.join(sorted(DIGIT_WORDS_EN))}) \1 \1\b")


def make(folder: Path, sizes: Sizes, seed: int, say: Callable[[str], None] = print) -> None:
    """Write ``train.tsv`` and the test sets into ``folder``, unless they are there."""
    if (folder / "train.tsv").exists():
        say("data: already there")
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(seed)
    plain = list(sentences(seed, sizes.plain))
    say(f"data: {len(plain)} sentences of all templates")
    numbers = [pair for pair in sentences(seed + 1, sizes.numbers, _holds(_NUMBER_SLOTS)) if pair.figures]
    digits = list(sentences(seed + 2, sizes.digit_runs, _holds(_DIGIT_SLOTS)))
    say(f"data: {len(numbers)} with numbers, {len(digits)} with spelled digits")
    pairs = [*plain, *numbers, *digits]
    train = [pair for pair in pairs if not held_out(pair)]
    _write_tests(folder, [pair for pair in pairs if held_out(pair)], {pair.written_en for pair in train}, rng)
    lines = list(_training_lines(train, sizes, rng))
    rng.shuffle(lines)
    _write(folder / "train.tsv", lines)
    say(f"data: {len(lines)} lines of training")


def read(path: Path) -> list[Line]:
    """Sources and targets of a file that `make` wrote."""
    lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [(source, target) for source, target in lines]


def known_names() -> dict[str, str]:
    """Names of people and towns, of one word, English to Persian."""
    classes = all_slots()
    entries = [entry for name in ("name", "city", "surname") for entry in classes[name] if isinstance(entry, Entry)]  # type: ignore[union-attr]
    return {entry.en: entry.fa for entry in entries if " " not in entry.en}


def _holds(slots: frozenset[str]) -> Callable[[Template], bool]:
    return lambda template: any(slot_class(name) in slots for name in template.slots)


def _training_lines(train: list[Pair], sizes: Sizes, rng: random.Random) -> Iterable[Line]:
    written = [(pair.written_en, pair.fa) for pair in train]
    shown = _with_figures(train, rng)
    for line in written:
        yield styles.any_style(*line, rng)
    for pair in train:
        if pair.recognizer_en != styles.recognizer(pair.written_en, pair.fa)[0]:  # with sounds of hesitation
            yield pair.recognizer_en, styles.bare(pair.fa)
    for line in shown:
        if rng.random() < 0.8:
            yield styles.any_style(*line, rng)
    yield from _unknown_names(written, sizes.unknown_names, rng)
    both = written + shown
    statements = [pair for pair in both if len(pair[0].split()) <= 8]
    proper = proper_nouns()
    for _ in range(sizes.joined):
        if rng.random() < 0.6:
            yield styles.joined(rng.sample(both, 2 if rng.random() < 0.75 else 3), rng)
        elif clauses := styles.clauses(rng.choice(statements), rng.choice(statements), proper, rng):
            yield clauses


def _with_figures(pairs: list[Pair], rng: random.Random) -> list[Line]:
    return [(styles.with_signs(en, rng), fa) for en, fa in (pair.figures for pair in pairs if pair.figures)]


def _unknown_names(written: list[Line], count: int, rng: random.Random) -> Iterable[Line]:
    known, found = known_names(), 0
    for pair in rng.sample(written, min(len(written), count * 8)):
        if line := styles.with_unknown_name(*pair, known, rng):
            yield styles.any_style(*line, rng)
            found += 1
            if found == count:
                return


def _write_tests(folder: Path, held: list[Pair], trained: set[str], rng: random.Random) -> None:
    unseen = [pair for pair in held if pair.written_en not in trained]
    rng.shuffle(unseen)
    written = [(pair.written_en, pair.fa) for pair in unseen]
    equal = [pair for pair in unseen if _EQUAL_DIGITS.search(pair.written_en.lower())]
    tests: dict[str, list[Line]] = {
        "combinations": written,
        "figures": _with_figures(unseen, rng),
        "two_sentences": [
            (f"{one} {other}", f"{one_fa} {other_fa}")
            for (one, one_fa), (other, other_fa) in zip(written[::2], written[1::2], strict=False)
        ],
        "equal_digits": [(pair.written_en, pair.fa) for pair in equal] + _with_figures(equal, rng),
        "names": [line for pair in written if (line := styles.with_unknown_name(*pair, known_names(), rng))],
        "hesitation": [(writing.hesitant(writing.spoken(en), rng), fa) for en, fa in written],
    }
    for name, lines in tests.items():
        _write(folder / f"test_{name}.tsv", lines[:_MOST_TESTS])


def _write(path: Path, lines: list[Line]) -> None:
    text = "".join(f"{re.sub(r' +', ' ', source).strip()}\t{target}\n" for source, target in lines)
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
