"""Archives on the command line: import, backfill and retire as processes, killed and interrupted."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from asr_pipeline.cli.main import app
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.errors import UnreadableAudio
from asr_pipeline.domain.stage import Stage
from asr_pipeline_tests.archives import write_memos

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.sqlite_alone]  # it reads SQLite's file


class Program:
    """The program over a data folder of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "asr_pipeline", *map(str, arguments)],
            env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(self.data_dir), "COLUMNS": "160"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str | Path, exit_code: int = 0) -> str:
        with self.start(*arguments) as process:
            printed, told = process.communicate(timeout=600)
        assert process.returncode == exit_code, told
        assert "Traceback" not in told
        return printed + told if exit_code else printed

    def json(self, *arguments: str | Path, exit_code: int = 0) -> Any:  # noqa: ANN401 - JSON of several shapes
        with self.start(*arguments, "--json") as process:
            printed, told = process.communicate(timeout=600)
        assert process.returncode == exit_code, told
        return json.loads(printed)

    def stopped(self, number: signal.Signals, when: Callable[[], bool], *arguments: str | Path) -> tuple[int, str]:
        """Run a command and send it a signal at a moment; give its exit code and all that it printed."""
        with self.start(*arguments) as process:
            deadline = time.monotonic() + 300
            while not when():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(number)
            printed, told = process.communicate(timeout=300)
        return process.returncode, printed + told

    def count(self, query: str) -> int:
        """Ask SQL; 0 where there is no table yet."""
        file = self.data_dir / "asr_pipeline.db"
        if not file.exists():
            return 0
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
        try:
            found: int = connection.execute(query).fetchone()[0]
        except sqlite3.OperationalError:
            return 0
        finally:
            connection.close()
        return found

    def partitions(self) -> list[str]:
        with open_instance(self.data_dir / "dagster") as instance:
            return list(instance.get_dynamic_partitions("recordings"))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "data")


def test_an_archive_is_registered_and_run(program: Program, tmp_path: Path, samples: Path) -> None:
    archive = tmp_path / "my archive"
    write_memos(archive / "a", samples / "phrases-3.wav", 3)
    write_memos(archive / "the same", samples / "phrases-3.wav", 1)
    (archive / "empty.wav").touch()
    (archive / "notes.txt").write_text("not for us")
    told = program.run("import", archive, "--in-place", exit_code=1)
    assert "3 registered" in told
    assert "1 with the bytes of another, 1 refused" in told
    assert f"{archive / 'empty.wav'}: expected audio, found an empty file" in told
    assert "asr-pipeline backfill" in told
    assert "notes.txt" not in told
    assert len(program.partitions()) == 3
    assert list((program.data_dir / "originals").iterdir()) == []

    planned = program.json("backfill", "--dry-run")
    assert planned["groups"] == [
        {"stages": [*Stage], "recordings": 3, "reasons": {"raw_audio: none yet": 3}},
    ]
    assert "3 done, 0 failed" in program.run("backfill")
    assert program.json("import", archive, "--link", exit_code=1)["known"] == 4
    assert "3 recordings retired" in program.run("retire", "--before", "2100-01-01")
    assert [row["state"] for row in program.json("list")] == ["done"] * 3
    assert program.partitions() == []


def test_a_pattern_copies_and_runs_at_once(program: Program, tmp_path: Path, samples: Path) -> None:
    archive = tmp_path / "archive"
    write_memos(archive, samples / "phrases-3.wav", 2)
    (archive / "memo-00001.wav").rename(archive / "memo.dat")
    (archive / "bad.dat").write_text("no audio")
    told = program.run("import", archive, "--glob", "*.dat", "--run", exit_code=1)
    assert "2 registered" in told
    assert "1 done" in told
    assert "bad.dat" in told
    states = {row["name"]: row["state"] for row in program.json("list")}
    assert states == {"memo.dat": "done", "bad.dat": "quarantined"}


@pytest.mark.fault
@pytest.mark.parametrize("command", ["process", "backfill", "import --run"])
def test_a_run_that_a_person_interrupts_is_canceled(
    program: Program, tmp_path: Path, samples: Path, command: str
) -> None:
    archive, count = tmp_path / "archive", 30
    write_memos(archive, samples / "phrases-3.wav", count)
    if command == "backfill":
        program.run("import", archive, "--in-place")
    name, *options = command.split()
    commits = "select count(*) from stage_commits"
    folder = [] if name == "backfill" else [archive]
    code, told = program.stopped(signal.SIGINT, lambda: program.count(commits) > 0, name, *folder, *options)
    assert code == 130
    assert "Traceback" not in told
    assert 0 < program.count(commits) < count * len(Stage)
    with open_instance(program.data_dir / "dagster") as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.CANCELED
        assert instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE) == []
        told_of = sum(
            len(instance.fetch_materializations(dg.AssetKey(stage.value), limit=1000).records) for stage in Stage
        )
    assert told_of == program.count(commits)


def test_options_that_exclude_each_other_and_a_folder_that_is_none(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["import", str(tmp_path), "--link", "--in-place"]).exit_code == 2
    assert CliRunner().invoke(app, ["backfill", "--stale", "--failed"]).exit_code == 2
    refused = CliRunner().invoke(app, ["import", str(tmp_path / "nowhere")])
    assert isinstance(refused.exception, UnreadableAudio)


@pytest.mark.fault
def test_an_import_that_was_killed_goes_on(program: Program, tmp_path: Path) -> None:
    archive, count = tmp_path / "archive", 2500
    archive.mkdir()
    for number in range(count):
        (archive / f"{number:05}.wav").write_bytes(b"RIFF %d" % number)
    arrivals = "select count(*) from arrivals"
    program.stopped(signal.SIGKILL, lambda: program.count(arrivals) > 0, "import", archive)
    registered = program.count("select count(*) from recordings")
    assert 0 < registered < count
    again = program.json("import", archive)
    assert (again["registered"], again["known"], again["duplicates"]) == (count - registered, registered, 0)
    assert program.count(arrivals) == program.count("select count(*) from recordings") == count
    assert len(program.partitions()) == len(set(program.partitions())) == count
    stored = [path.name for path in (program.data_dir / "originals").rglob("*.wav") if not path.name.startswith(".")]
    assert len(stored) == count


@pytest.mark.fault
def test_a_backfill_that_was_killed_or_interrupted_goes_on(program: Program, tmp_path: Path, samples: Path) -> None:
    archive, count = tmp_path / "archive", 30
    write_memos(archive, samples / "phrases-3.wav", count)
    program.run("import", archive, "--in-place")
    commits = "select count(*) from stage_commits"
    code, told = program.stopped(signal.SIGKILL, lambda: program.count(commits) > 10, "backfill")
    assert code == -signal.SIGKILL
    first = program.count(commits)
    code, told = program.stopped(signal.SIGINT, lambda: program.count(commits) > first + 10, "backfill")
    assert code == 130
    assert "Interrupted" in told
    assert "Traceback" not in told
    done = program.count("select count(*) from recordings where state = 'done'")
    assert done < count
    finished = program.json("backfill")
    assert (finished["done"], finished["left_alone"]) == (count - done, 0)
    assert program.count(commits) == count * len(Stage)
    with open_instance(program.data_dir / "dagster") as instance:
        for stage in Stage:
            records = instance.fetch_materializations(dg.AssetKey(stage.value), limit=1000).records
            times = Counter(record.partition_key for record in records)
            assert set(times.values()) == {1}, stage
            assert len(times) == count, stage
        statuses = Counter(run.status for run in instance.get_runs())
    assert not set(statuses) & {dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING}
