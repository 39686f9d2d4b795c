"""Reads the phrasebook's text files: fields between bars, ``#`` for comments, empty lines for the reader."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from models.recipe.phrasebook.entries import Entry

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Line:
    """One line: where it stands, and its fields."""

    place: str
    fields: tuple[str, ...]


def lines(folder: str, pattern: str = "*.txt") -> Iterator[Line]:
    """The lines of all files in ``folder`` that match, in the order of their names."""
    for path in sorted((HERE / folder).glob(pattern)):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if text.strip() and not text.startswith("#"):
                yield Line(f"{folder}/{path.name}:{number}", tuple(field.strip() for field in text.split("|")))


def word_classes() -> dict[str, list[Entry]]:
    """``words/*.txt``: class to entries.

    A line is English, Persian, the classes it belongs to and, if it is irregular, the English plural.
    """
    classes: dict[str, list[Entry]] = {}
    for line in lines("words"):
        if not 3 <= len(line.fields) <= 4:
            raise ValueError(f"{line.place}: expected 'English | Persian | classes [| plural]', found {line.fields}")
        en, fa, names, *plural = line.fields
        entry = Entry(en, fa, plural=plural[0] if plural else "")
        for name in names.split():
            classes.setdefault(name, []).append(entry)
    return classes
