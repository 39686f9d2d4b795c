"""A disk that is full in the middle of a write: told with its remedy, nothing left half done, finished afterwards."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]


def talk(folder: Path, samples: Path, duration_s: int) -> Path:
    """Write a talk that is larger when it is decoded than it was."""
    parts = [soundfile.read(file, dtype="int16")[0][::2] for file in sorted(samples.glob("*.wav"))]
    path = folder / "talk.wav"
    soundfile.write(path, np.concatenate(parts * 10)[: duration_s * 8000], 8000, subtype="ULAW")
    return path


@pytest.mark.parametrize(
    ("max_file_bytes", "talk_s", "where"),
    [
        (150_000, 80, "originals: expected room to write"),
        (250_000, 80, "dagster: expected room to write"),
        # As canonical audio this talk is larger than SQLite's log of a database ever is, 4 MiB.
        (4_500_000, 480, "room and permission to write audio"),
    ],
)
def test_what_finds_no_room_is_told_and_done_when_there_is_some(
    tmp_path: Path, samples: Path, max_file_bytes: int, talk_s: int, where: str
) -> None:
    talks = [samples / "phrases-3.wav", talk(tmp_path, samples, talk_s), samples / "phrases-1.wav"]
    data_dir = tmp_path / "data"
    assert asr_pipeline("process", samples / "phrases-5.wav", data_dir=data_dir).returncode == 0
    full = asr_pipeline("process", *talks, data_dir=data_dir, max_file_bytes=max_file_bytes)
    assert full.returncode == 1, full.stdout
    assert where in full.stderr
    assert "Free some space" in full.stderr
    assert "Traceback" not in full.stderr
    assert list(data_dir.rglob(f"{PARTIAL_PREFIX}*")) == []
    counts = printed_json(asr_pipeline("status", "--json", data_dir=data_dir))
    assert counts["quarantined"] == 0

    again = asr_pipeline("process", *talks, data_dir=data_dir)
    assert again.returncode == 0, again.stderr
    told = printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=data_dir))
    assert (told["equation"]["done"], told["findings"]) == (1 + len(talks), [])
