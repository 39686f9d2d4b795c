"""The sample recordings are what samples.tsv says, and the product hears and translates them without an error."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

KINDS = {
    "call.flac": (2, 16_000),
    "voicemail.flac": (1, 8_000),
    "memo.mp3": (1, 16_000),
    "reminder.m4a": (1, 16_000),
    "street.flac": (1, 16_000),
    "diary.ogg": (1, 48_000),  # what Opus in Ogg always says
}


@pytest.fixture(scope="module")
def table(samples: Path) -> dict[str, list[str]]:
    with (samples / "samples.tsv").open(encoding="utf-8") as file:
        return {row[0]: row for row in csv.reader(file, delimiter="\t")}


def test_every_recording_has_its_line(samples: Path, table: dict[str, list[str]]) -> None:
    assert set(table) == {path.name for path in samples.iterdir() if path.suffix != ".tsv"}
    assert all(len(row) == 5 and all(row) for row in table.values())


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_recordings(samples: Path, table: dict[str, list[str]], name: str) -> None:
    with av.open(str(samples / name)) as container:
        stream = container.streams.audio[0]
        assert (stream.channels, stream.rate) == KINDS[name]
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(float(table[name][1]), abs=0.2)


@pytest.mark.engine
def test_the_product_hears_and_translates_them_right(
    tmp_path: Path, samples: Path, table: dict[str, list[str]]
) -> None:
    names = [name for name in KINDS if name != "diary.ogg"]  # two minutes of the same
    done = subprocess.run(
        [sys.executable, "-m", "asr_pipeline", "process", *(samples / name for name in names), "--json"],
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "ASR_PIPELINE_DATA_DIR": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    recordings = {recording["name"]: recording["utterances"] for recording in json.loads(done.stdout)["recordings"]}
    assert set(recordings) == set(names)
    for name, utterances in recordings.items():
        in_time = sorted(utterances, key=lambda utterance: float(utterance["start_s"]))
        assert " ".join(utterance["text"] for utterance in in_time) == table[name][3]
        persian = " ".join(utterance["translations"]["fa"] for utterance in in_time)
        assert _without_marks(persian) == _without_marks(table[name][4])


def _without_marks(text: str) -> str:
    return " ".join(text.replace(".", " ").replace("؟", " ").split())
