"""`asr-pipeline watch` in a process of its own: alone, killed, and beside a sensor over the same inbox."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.sensors import inbox as inbox_sensor
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import Settings
from asr_pipeline.storage.layout import Layout
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@contextmanager
def watching(data_dir: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Start it, wait until it watches, and end it as Ctrl-C does."""
    with subprocess.Popen(
        [sys.executable, "-m", "asr_pipeline", "watch", "--json", *options],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline().startswith("Watching ")
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def told(process: "subprocess.Popen[str]", count: int) -> list[dict[str, Any]]:
    """Wait for so many recordings."""
    assert process.stdout is not None
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def drop(data_dir: Path, file: Path, name: str) -> None:
    folder = Layout(data_dir).inbox
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, folder / name)


def test_what_is_dropped_is_done_and_what_is_bad_is_named(tmp_path: Path, samples: Path) -> None:
    with watching(tmp_path) as process:
        drop(tmp_path, samples / "phrases-1.wav", "one.wav")
        (done,) = told(process, 1)
        assert (done["name"], done["state"]) == ("one.wav", "done")
        assert "دوربین" in done["translations"]["fa"]
        (Layout(tmp_path).inbox / "bad.wav").write_text("this is no sound")
        (bad,) = told(process, 1)
        assert bad["state"] == "quarantined"
        assert "FFmpeg" in bad["reason"]
    assert process.returncode == 130
    assert printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=tmp_path))["findings"] == []
    with open_instance(Layout(tmp_path).dagster_home) as instance:
        assert sorted(run.status.value for run in instance.get_runs()) == ["FAILURE", "SUCCESS"]


def test_asked_to_end_it_ends_after_the_run_at_work(tmp_path: Path, samples: Path) -> None:
    """Also where SIGINT is ignored, as a shell's `&` has it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watching(tmp_path) as process:
            signal.signal(signal.SIGINT, before)
            drop(tmp_path, samples / "phrases-1.wav", "one.wav")
            while not list(Layout(tmp_path).archive.glob("*")):
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            assert [one["state"] for one in told(process, 1)] == ["done"]
            assert process.wait(60) == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_large_file_is_left_to_the_sensor(tmp_path: Path, samples: Path) -> None:
    inbox = Layout(tmp_path).inbox
    inbox.mkdir(parents=True)
    with (inbox / "large.wav").open("wb") as large:
        large.truncate(Settings().lane_max_bytes + 1)
    with watching(tmp_path) as process:
        drop(tmp_path, samples / "phrases-1.wav", "small.wav")
        assert [one["name"] for one in told(process, 1)] == ["small.wav"]
    assert [path.name for path in inbox.iterdir()] == ["large.wav"]


@pytest.mark.fault
def test_a_file_that_is_still_written_to_is_not_taken(tmp_path: Path, samples: Path) -> None:
    inbox = Layout(tmp_path).inbox
    inbox.mkdir(parents=True)
    sound = (samples / "phrases-2.wav").read_bytes()
    with watching(tmp_path) as process:
        with (inbox / "slow.wav").open("wb") as slow:
            slow.write(sound[: len(sound) // 2])
            slow.flush()
            drop(tmp_path, samples / "phrases-1.wav", "whole.wav")
            assert [one["name"] for one in told(process, 1)] == ["whole.wav"]
            time.sleep(1)  # some looks
            assert (inbox / "slow.wav").exists()
            slow.write(sound[len(sound) // 2 :])
        (slow_told,) = told(process, 1)
        assert (slow_told["name"], slow_told["state"]) == ("slow.wav", "done")


@pytest.mark.fault
def test_what_a_killed_one_left_the_next_takes_up(tmp_path: Path, samples: Path) -> None:
    names = [f"phrases-{number}.wav" for number in range(1, 7)]
    with watching(tmp_path) as process:
        for name in names:
            drop(tmp_path, samples / name, name)
        while len(list(Layout(tmp_path).inbox.iterdir())) == len(names):
            time.sleep(0.01)
        process.kill()
    with watching(tmp_path):
        while printed_json(asr_pipeline("status", "--json", data_dir=tmp_path))["done"] < len(names):
            time.sleep(0.2)
    assert printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=tmp_path))["findings"] == []


def test_beside_the_sensor_nothing_is_done_twice(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path))
    names = [f"phrases-{number}.wav" for number in range(1, 7)]
    runs_asked_for = 0
    with watching(tmp_path) as process, open_instance(Layout(tmp_path).dagster_home) as instance:
        cursor: str | None = None
        for name in names:
            drop(tmp_path, samples / name, name)
            for _ in range(2):
                tick = inbox_sensor(dg.build_sensor_context(instance=instance, cursor=cursor))
                if isinstance(tick, dg.SensorResult):
                    cursor = tick.cursor
                    runs_asked_for += len(tick.run_requests or [])
        assert runs_asked_for, "the sensor took nothing: both were not at work"
        printed_json(asr_pipeline("backfill", "--missing", "--json", data_dir=tmp_path))
        while printed_json(asr_pipeline("status", "--json", data_dir=tmp_path))["done"] < len(names):
            time.sleep(0.2)
        assert process.poll() is None
    with open_instance(Layout(tmp_path).dagster_home) as instance:
        records = instance.fetch_materializations(dg.AssetKey(Stage.TRANSLATIONS.value), limit=100).records
        keys = [record.partition_key for record in records]
    assert len(keys) == len(set(keys)) == len(names)
