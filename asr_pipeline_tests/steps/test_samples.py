"""The sample recordings are what samples.tsv says; the product hears and translates them with hardly an error."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import av
import jiwer
import pytest

WORD_ERROR_RATE = 0.02  # one word of about a hundred

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
def test_the_product_hears_and_translates_them(tmp_path: Path, samples: Path, table: dict[str, list[str]]) -> None:
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
    recordings = {
        recording["name"]: sorted(recording["utterances"], key=lambda utterance: float(utterance["start_s"]))
        for recording in json.loads(done.stdout)["recordings"]
    }
    assert set(recordings) == set(names)
    heard = {name: _joined(one["text"] for one in utterances) for name, utterances in recordings.items()}
    assert jiwer.wer([table[name][3] for name in names], [heard[name] for name in names]) <= WORD_ERROR_RATE
    right = [name for name in names if heard[name] == table[name][3]]
    assert len(right) >= len(names) - 1
    for name in right:
        persian = _joined(one["translations"]["fa"] for one in recordings[name])
        assert _without_marks(persian) == _without_marks(table[name][4])


def _joined(texts: Iterable[str]) -> str:
    return " ".join(texts)


def _without_marks(text: str) -> str:
    return " ".join(text.replace(".", " ").replace("؟", " ").split())
