"""``python -m models.recipe.translator STEP --work FOLDER``: data, train, export, scores, or all of them.

Each step keeps what is there: the same command goes on where it was stopped.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from models.recipe.translator.sizes import DRY_RUN, REAL

STEPS = ("data", "train", "export", "scores")
_SEED = 7


def main() -> None:
    """Run the steps that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m models.recipe.translator", description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--work", type=Path, required=True, help="folder of data, checkpoints and the package")
    parser.add_argument("--processes", type=int, default=2, help="of one thread each (default 2)")
    parser.add_argument("--updates", type=int, help="steps of training (default: as in sizes.py); fewer end sooner")
    parser.add_argument("--dry-run", action="store_true", help="a tiny model, to try each step in a minute or two")
    parser.add_argument("--package", type=Path, help="score this package instead of the one in --work")
    arguments = parser.parse_args()
    sizes = DRY_RUN if arguments.dry_run else REAL
    sizes = replace(sizes, updates=arguments.updates or sizes.updates)
    for step in STEPS if arguments.step == "all" else (arguments.step,):
        if step == "data":
            from models.recipe.translator import data

            data.make(arguments.work, sizes, _SEED)
        elif step == "train":
            from models.recipe.translator import tokenizer, training

            training.one_thread_each()
            tokenizer.train(arguments.work, sizes.pieces)
            training.train(arguments.work, sizes, arguments.processes)
        elif step == "export":
            from models.recipe.translator import package

            print(package.make(arguments.work))
        else:
            from models.recipe.translator import scoring

            scoring.report(arguments.work, arguments.package or arguments.work / package_file())


def package_file() -> str:
    """Name of the package within the work folder."""
    from models.recipe.translator.package import FILE

    return FILE


if __name__ == "__main__":
    main()
