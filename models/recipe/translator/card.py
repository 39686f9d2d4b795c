"""The model card that lies beside the package: what the model is, and the scores that were measured on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TEXT = Path(__file__).with_name("MODEL_CARD.md")


@dataclass(frozen=True)
class Score:
    """One row of the table. ``test`` and ``style`` are as in `data.TESTS` and `styles`."""

    test: str
    style: str
    sentences: int
    exact_percent: float
    chrf: float
    target_percent: float | None


def write(path: Path, scores: Sequence[Score], facts: Mapping[str, float]) -> None:
    """Write the card to ``path``: the text, a table of ``scores`` and a line of ``facts`` (name to value)."""
    rows = ["| test set | style | sentences | exact, % | chrF | to reach, % |", "|---|---|---|---|---|---|"]
    for score in scores:
        goal = f"{score.target_percent:.0f}" if score.target_percent else ""
        name = score.test.replace("_", " ")
        rows.append(
            f"| {name} | {score.style} | {score.sentences} | {score.exact_percent:.1f} | {score.chrf:.1f} | {goal} |"
        )
    told = "; ".join(f"{name}: {value}" for name, value in facts.items())
    path.write_text(f"{TEXT.read_text()}\n## Scores\n\n" + "\n".join(rows) + f"\n\n{told}\n", encoding="utf-8")
