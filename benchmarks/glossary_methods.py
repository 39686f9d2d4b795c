"""Ways to make a translation use a term, held against sentences whose right result is known (ADR 8).

Run: `python benchmarks/glossary_methods.py`. The starter translator; a minute on one core.
"""

import csv
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from asr_pipeline.domain.glossary import Glossary, glossary_entry
from asr_pipeline.engines import argos, terms
from asr_pipeline.engines.argos import ArgosTranslator

REPOSITORY = Path(__file__).resolve().parent.parent
CASES = REPOSITORY / "asr_pipeline_tests" / "engines" / "glossary_cases.tsv"
PACKAGE = REPOSITORY / "models" / "starter" / "translate-en_fa-starter.argosmodel"


class Case(NamedTuple):
    """A sentence and a term; `rendering` is what the plain translation has for it, `in_its_place` what it must have."""

    chosen_on: str
    sentence: str
    term: str
    required: str
    rendering: str
    in_its_place: str


class Bench:
    """The starter translator, and the plain translation of each sentence."""

    def __init__(self, package: Path, cases: list[Case]) -> None:
        self.translator = ArgosTranslator((package,))
        self.package: Any = argos._open(package)  # noqa: SLF001 - measured from inside
        self.model: Any = argos._load(package, 1)  # noqa: SLF001
        self.plain = {case.sentence: self.translate(case.sentence) for case in cases}

    def translate(self, sentence: str, glossary: Glossary | None = None) -> str:
        """Translate one sentence."""
        return self.translator.translate([sentence], source="en", target="fa", glossary=glossary)[0]

    def wanted(self, case: Case) -> str:
        """Give the right result: the plain translation with the term in its place."""
        plain = self.plain[case.sentence]
        return plain.replace(case.rendering, case.in_its_place, 1) if case.rendering else plain

    def witnesses(self, case: Case, min_attention: float, min_loss: float) -> str:
        """Replace the words that attention and the loss of probability point at."""
        kept = terms.MIN_ATTENTION, terms.MIN_LOSS
        terms.MIN_ATTENTION, terms.MIN_LOSS = min_attention, min_loss
        try:
            return self.translate(case.sentence, Glossary([glossary_entry(case.term, case.required, "fa")]))
        finally:
            terms.MIN_ATTENTION, terms.MIN_LOSS = kept

    def term_alone(self, case: Case) -> str:
        """Translate the term by itself, and replace that in the sentence where it stands once."""
        alone = self.translate(f"{case.term.capitalize()}.").strip(".").strip()
        found = re.findall(rf"(?<!\w){re.escape(alone)}(?![\w\u200c])", self.plain[case.sentence]) if alone else []
        return self.plain[case.sentence].replace(alone, case.required) if len(found) == 1 else self.plain[case.sentence]

    def best_of_8(self, case: Case) -> str:
        """Take the first of 8 hypotheses that has the term."""
        tokens = self.package.tokenizer.encode(case.sentence)
        [result] = self.model.translate_batch([tokens], beam_size=8, num_hypotheses=8)
        texts = [self.package.tokenizer.decode(one).strip() for one in result.hypotheses]
        return next((text for text in texts if case.required in text), self.plain[case.sentence])

    def placeholder(self, case: Case) -> str:
        """Translate with a mark in the term's place that the model should copy."""
        masked = re.sub(rf"(?i)\b{re.escape(case.term)}s?\b", "XX", case.sentence)
        text = self.translate(masked)
        return text.replace("XX", case.required) if "XX" in text else self.plain[case.sentence]

    def forced(self, case: Case) -> str:
        """Force the right beginning up to the term, known from the table, and let the model write on."""
        if not case.rendering:
            return self.plain[case.sentence]
        before = self.plain[case.sentence].partition(case.rendering)[0]
        tokens = self.package.tokenizer
        prefix = tokens.lazy_processor().encode(before + case.in_its_place, out_type=str)
        [result] = self.model.translate_batch([tokens.encode(case.sentence)], target_prefix=[prefix], beam_size=1)
        return str(tokens.decode(result.hypotheses[0])).strip()


def main() -> None:
    """Print, for each way: right sentences, plain ones that should not be, wrong ones."""
    with CASES.open(encoding="utf-8") as file:
        cases = [Case(*row) for row in csv.reader(file, delimiter="\t")][1:]
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(PACKAGE) as archive:
            archive.extractall(folder)
        bench = Bench(Path(folder) / PACKAGE.stem, cases)
        never = float("-inf")
        ways: dict[str, Callable[[Case], str]] = {
            "attention >= 0.5 alone": lambda case: bench.witnesses(case, 0.5, never),
            "loss >= 2 alone": lambda case: bench.witnesses(case, never, 2),
            "attention and loss (used)": lambda case: bench.witnesses(case, terms.MIN_ATTENTION, terms.MIN_LOSS),
            "term translated alone": bench.term_alone,
            "8 hypotheses": bench.best_of_8,
            "placeholder": bench.placeholder,
            "forced, then written on": bench.forced,
        }
        for group in ("chosen-on", "held-out"):
            some = [case for case in cases if case.chosen_on == group]
            print(f"{group}: {len(some)} sentences")
            for name, way in ways.items():
                counts: Counter[str] = Counter()
                for case in some:
                    text, wanted = way(case), bench.wanted(case)
                    counts[
                        "right" if text == wanted else "plain" if text == bench.plain[case.sentence] else "wrong"
                    ] += 1
                print(
                    f"  {name:<28} right {counts['right']:>3}  plain {counts['plain']:>3}  wrong {counts['wrong']:>3}"
                )


if __name__ == "__main__":
    main()
