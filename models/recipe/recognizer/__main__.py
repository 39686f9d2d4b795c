"""``python -m models.recipe.recognizer STEP --work FOLDER``: speech, features, train, model, scores, or all of them.

Each step keeps what is there: the same command goes on where it was stopped.
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from models.recipe import phrasebook
from models.recipe.recognizer import plan
from models.recipe.recognizer.acoustics.pronunciations import cmu_dictionary, pronunciations
from models.recipe.recognizer.corpus.workers import Report
from models.recipe.recognizer.model import MODEL_NAME
from models.recipe.recognizer.sentences import READ_SEED, SPOKEN_SEED, Sentence, load_sentences
from models.recipe.recognizer.size import DRY_RUN, FULL, RecipeSize
from models.recipe.recognizer.voices.human_digits import DIGIT_WORDS

STEPS = ("speech", "features", "train", "model", "scores")
NEEDED_TOOLS = ("espeak-ng", "festival", "fstcompile", "fstconvert")
DEBIAN_PACKAGES = (
    "espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts libfst-tools libfst22-plugins-base"
)


@dataclass(frozen=True)
class Recipe:
    """Where things lie, and how much of them there is."""

    work: Path
    digits_dir: Path | None
    size: RecipeSize

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The phrasebook's sentences."""
        return load_sentences(self.work / "sentences.tsv", self.size.sentences, SPOKEN_SEED)

    @cached_property
    def lexicon(self) -> dict[str, tuple[str, ...]]:
        """Every word that the model will know, and how it is said."""
        return pronunciations({*phrasebook.vocabulary(), *DIGIT_WORDS, "oh"}, cmu_dictionary())

    @cached_property
    def selection(self) -> plan.Selection:
        """Which sentences are spoken, and which are held out."""
        return plan.select(self.sentences, self.size)

    @property
    def model_dir(self) -> Path:
        """Where the model is put."""
        return self.work / MODEL_NAME

    def speech(self) -> None:
        """Speak everything."""
        from models.recipe.recognizer.corpus.synthesis import synthesise

        unknown = plan.unknown_words(cmu_dictionary(), self.lexicon)
        plans = plan.test_plans(self.selection, unknown, self.size)
        plans["training"] = plan.training_plan(self.selection, unknown, self.size)
        if self.digits_dir is None:
            print("No folder of human digits (--digits): the model learns digits from synthetic voices alone.")
            plans = {name: [one for one in lines if one.engine != "human"] for name, lines in plans.items()}
        synthesise(plans, self.work / "speech", self.digits_dir, progress("speech"))

    def features(self) -> None:
        """Augment the training's speech, and turn it into features."""
        from models.recipe.recognizer.corpus.feature_extraction import extract

        extract(self.work / "speech" / "training", self.work / "features", self.size.copies, progress("features"))

    def train(self) -> None:
        """Train the acoustic model."""
        from models.recipe.recognizer.acoustics.pronunciations import with_unknown
        from models.recipe.recognizer.acoustics.training import TrainingJob, train

        train(
            TrainingJob(
                features_dir=self.work / "features",
                checkpoint=self.work / "network.pt",
                lexicon=with_unknown(self.lexicon),
                size=self.size.network,
                steps=self.size.steps,
                frames_a_batch=self.size.frames_a_batch,
            )
        )

    def model(self) -> None:
        """Put the model directory together."""
        from models.recipe.recognizer.acoustics.training import load_network
        from models.recipe.recognizer.model import build_model

        held_out = set(self.selection.held_out)
        more = load_sentences(self.work / "language.tsv", self.size.language_sentences, READ_SEED)
        read = {s.english for s in (*self.sentences, *more) if not s.held_out} - held_out
        network = load_network(self.work / "network.pt").export()
        print(build_model(self.model_dir, self.work / "graph", network, self.lexicon, sorted(read)))
        print(f"{sum(path.stat().st_size for path in self.model_dir.rglob('*') if path.is_file()):,} bytes")

    def scores(self, model_dir: Path | None = None, package: Path | None = None) -> None:
        """Measure a model with libvosk; with an Argos package also the way to Persian."""
        from models.recipe.recognizer.scores import card
        from models.recipe.recognizer.scores.table import measure

        translate = None
        if package:
            from models.recipe.translator.scoring import Package

            translate = Package(package).translate
        persian = {sentence.english: sentence.persian for sentence in self.sentences}
        table = measure(model_dir or self.model_dir, self.work / "speech", persian, translate)
        for row in table.rows:
            mark = "reached" if row.reached else "missed"
            print(f"{row.name:55} {row.value:7.2f} {row.unit:1}  {mark} ({row.target:g})")
        print(
            f"real-time factor {table.real_time_factor:.4f}, load {table.load_s:.2f} s, "
            f"{table.unknown_shown:.0%} of the wrong words in sentences with unknown words shown as [unk]"
        )
        (self.work / "scores.json").write_text(json.dumps(asdict(table), indent=1), encoding="utf-8")
        card.write(self.work / f"{MODEL_NAME}.md", table)


def progress(name: str) -> Report:
    """Tell how far a step is, and how long it will take."""
    began = time.monotonic()
    first: list[int] = []

    def report(done: int, every: int) -> None:
        first.append(done)
        new = done - first[0]
        left = f", {(time.monotonic() - began) / new * (every - done) / 60:.0f} min left" if new else ""
        print(f"{name}: {done} of {every}{left}", flush=True)

    return report


def main() -> None:
    """Run the steps that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe.recognizer", description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--work", type=Path, required=True, help="folder of speech, features, checkpoint and model")
    parser.add_argument("--digits", type=Path, help="folder of the Free Spoken Digit Dataset as FLAC (see README)")
    parser.add_argument("--steps", type=int, help="of training, a process (default: as in size.py); fewer end sooner")
    parser.add_argument("--dry-run", action="store_true", help="a tiny model, to try each step in a few minutes")
    parser.add_argument("--model", type=Path, help="score this model instead of the one in --work")
    parser.add_argument("--package", type=Path, help="Argos package, to score the way to Persian as well")
    arguments = parser.parse_args()
    missing = [tool for tool in NEEDED_TOOLS if not shutil.which(tool)]
    if missing:
        sys.exit(f"not found: {', '.join(missing)}. On Debian: apt install {DEBIAN_PACKAGES}")
    digits = arguments.digits if arguments.digits and arguments.digits.is_dir() else None
    size = DRY_RUN if arguments.dry_run else FULL
    recipe = Recipe(arguments.work, digits, replace(size, steps=arguments.steps or size.steps))
    for step in STEPS if arguments.step == "all" else (arguments.step,):
        if step == "scores":
            recipe.scores(arguments.model, arguments.package)
        else:
            getattr(recipe, step)()


if __name__ == "__main__":
    main()
