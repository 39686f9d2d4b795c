"""A shard is whole or absent."""

from pathlib import Path

import numpy as np

from models.recipe.recognizer.corpus.shards import Item, has_shard, read_shard, shard_numbers, split, write_shard


def items() -> list[Item]:
    return [
        Item("one", "a cat", np.arange(5, dtype=np.int16), ((0.0, 0.1), (0.1, 0.3))),
        Item("two", "", np.arange(3, dtype=np.int16), ()),
    ]


def test_round_trip(tmp_path: Path) -> None:
    write_shard(tmp_path, 3, items())
    array, entries = read_shard(tmp_path, 3)
    assert [entry.text for entry in entries] == ["a cat", ""]
    assert entries[0].words == ((0.0, 0.1), (0.1, 0.3))
    second = entries[1]
    assert array[second.offset : second.offset + second.rows].tolist() == [0, 1, 2]


def test_what_was_cut_off_does_not_count(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, items())
    (tmp_path / "0001.npy").write_bytes(b"half")
    (tmp_path / "0001.jsonl.part").write_text("half")
    assert shard_numbers(tmp_path) == [0]
    assert has_shard(tmp_path, 0)
    assert not has_shard(tmp_path, 1)


def test_slices_hold_everything_once() -> None:
    cuts = list(split(7, 3))
    assert [number for number, _ in cuts] == [0, 1, 2]
    assert [n for _, cut in cuts for n in range(7)[cut]] == list(range(7))
