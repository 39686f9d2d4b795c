"""The model card that lies beside the model: what it is, and the scores that were measured on it."""

from pathlib import Path

from models.recipe.recognizer.scores.table import Table

TEXT = Path(__file__).parent.with_name("MODEL_CARD.md")


def write(path: Path, table: Table) -> None:
    """Write the card to `path`: the text, the table's rows, speed and time to load."""
    rows = ["| | measured | to reach |", "|---|---|---|"]
    for row in table.rows:
        bound = "≤" if row.at_most else "≥"
        unit = f" {row.unit}" if row.unit else ""
        rows.append(f"| {row.name} | {row.value:.2f}{unit} | {bound} {row.target:g}{unit} |")
    told = (
        f"Real-time factor {table.real_time_factor:.3f} on one core; loaded in {table.load_s:.2f} s. In sentences with "
        f"words outside the vocabulary, {table.unknown_shown:.0%} of the words that are wrong come out as `[unk]`."
    )
    path.write_text(
        f"{TEXT.read_text(encoding='utf-8')}\n## Scores\n\n" + "\n".join(rows) + f"\n\n{told}\n", encoding="utf-8"
    )
