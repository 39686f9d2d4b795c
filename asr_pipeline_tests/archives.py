"""Small archives for tests: recordings of different bytes that sound alike."""

import shutil
from pathlib import Path


def write_memos(folder: Path, sample: Path, count: int) -> list[Path]:
    """Write copies of a sample with a different chunk after the audio, which is legal and ignored."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"memo-{number:05}.wav" for number in range(count)]
    for number, path in enumerate(paths):
        shutil.copy(sample, path)
        with path.open("ab") as file:
            file.write(b"note" + (4).to_bytes(4, "little") + number.to_bytes(4, "little"))
    return paths
