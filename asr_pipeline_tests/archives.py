"""Small archives for tests: recordings of different bytes that sound alike."""

import shutil
from pathlib import Path


def write_memo(sample: Path, memo: Path, number: int) -> Path:
    """Write a copy of a sample with a chunk of its own after the audio, which is legal and ignored."""
    shutil.copy(sample, memo)
    with memo.open("ab") as file:
        file.write(b"note" + (4).to_bytes(4, "little") + number.to_bytes(4, "little"))
    return memo


def write_memos(folder: Path, sample: Path, count: int) -> list[Path]:
    """Write so many copies of a sample."""
    folder.mkdir(parents=True, exist_ok=True)
    return [write_memo(sample, folder / f"memo-{number:05}.wav", number) for number in range(count)]
