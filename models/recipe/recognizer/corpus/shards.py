"""Arrays in numbered shards, each with a list of what is in it.

NNNN.npy holds the rows of all entries after each other, NNNN.jsonl an entry a line. The list is renamed into place
last, so a shard is either whole or absent, and work that was interrupted goes on with the first absent one.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance: its rows are `offset` to `offset + rows` of the shard's array; word times in seconds."""

    utterance_id: str
    text: str
    offset: int
    rows: int
    words: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance on its way to disk."""

    utterance_id: str
    text: str
    array: Array
    words: tuple[tuple[float, float], ...]


def has_shard(folder: Path, number: int) -> bool:
    """Tell whether a shard is whole."""
    return _list_path(folder, number).exists()


def write_shard(folder: Path, number: int, items: Sequence[Item]) -> None:
    """Write a shard; a killed process leaves none behind that looks whole."""
    folder.mkdir(parents=True, exist_ok=True)
    array_path, list_path = _array_path(folder, number), _list_path(folder, number)
    half_array, half_list = array_path.with_suffix(".npy.part"), list_path.with_suffix(".jsonl.part")
    with half_array.open("wb") as stream:
        np.save(stream, np.concatenate([item.array for item in items]))
    offset, lines = 0, []
    for item in items:
        entry = Entry(item.utterance_id, item.text, offset, len(item.array), item.words)
        lines.append(json.dumps(asdict(entry)) + "\n")
        offset += len(item.array)
    half_list.write_text("".join(lines), encoding="utf-8")
    half_array.replace(array_path)
    half_list.replace(list_path)


def read_shard(folder: Path, number: int) -> tuple[Array, list[Entry]]:
    """Open a shard: its array, mapped from disk, and its entries."""
    return np.load(_array_path(folder, number), mmap_mode="r"), list(_entries(_list_path(folder, number)))


def shard_numbers(folder: Path) -> list[int]:
    """List the shards that are whole."""
    return sorted(int(path.stem) for path in folder.glob("*.jsonl"))


def split(count: int, shard_size: int) -> Iterable[tuple[int, slice]]:
    """Cut `count` things into numbered slices."""
    for number, begin in enumerate(range(0, count, shard_size)):
        yield number, slice(begin, min(count, begin + shard_size))


def _entries(path: Path) -> Iterator[Entry]:
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        fields["words"] = tuple((start, end) for start, end in fields["words"])
        yield Entry(**fields)


def _array_path(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.npy"


def _list_path(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.jsonl"
