"""What there is to say: the phrasebook's sentences, kept in a file because writing them takes a while."""

from dataclasses import dataclass
from pathlib import Path

from models.recipe import phrasebook

SPOKEN_SEED, READ_SEED = 5, 17
"""Of the sentences to be spoken, and of more that the language model alone reads; not the translator's."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """English as the recognizer writes it, and its Persian. `held_out`: neither model may see it in training."""

    english: str
    persian: str
    held_out: bool


def load_sentences(path: Path, count: int, seed: int) -> list[Sentence]:
    """Read the file, or write it first."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            f"{int(phrasebook.held_out(pair))}\t{pair.recognizer_en}\t{pair.fa}\n"
            for pair in phrasebook.sentences(seed, count)
        )
        part = path.with_suffix(".part")
        part.write_text("".join(lines), encoding="utf-8")
        part.replace(path)
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [Sentence(english, persian, held == "1") for held, english, persian in rows]
