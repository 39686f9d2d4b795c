"""`verify`, `backup` and `restore` as people use them, over a house that the real engines filled."""

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from asr_pipeline_tests.e2e.commands import asr_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.sqlite_alone]  # but where a test names another


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Give a data folder with two recordings that are done, one that is no audio."""
    folder = tmp_path_factory.mktemp("talks")
    shutil.copy(samples / "phrases-1.wav", folder)
    shutil.copy(samples / "phrases-3.wav", folder)
    (folder / "notes.wav").write_text("this is text, whatever its name says")
    data_dir = tmp_path_factory.mktemp("house") / "my data"
    assert asr_pipeline("process", folder, data_dir=data_dir).returncode == 1
    return data_dir


@pytest.fixture(scope="module")
def backup(house: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("backups") / "house.tar.gz"
    finished = asr_pipeline("backup", file, data_dir=house)
    assert finished.returncode == 0, finished.stderr
    assert str(file) in finished.stdout
    return file


@pytest.fixture
def restored(backup: Path, tmp_path: Path) -> Path:
    data_dir = tmp_path / "restored"
    finished = asr_pipeline("restore", backup, data_dir=data_dir)
    assert finished.returncode == 0, finished.stderr
    return data_dir


def verify(data_dir: Path, *options: str) -> tuple[int, dict[str, Any]]:
    finished = asr_pipeline("verify", "--json", *options, data_dir=data_dir)
    assert finished.stdout, finished.stderr
    return finished.returncode, json.loads(finished.stdout)


def kinds(printed: dict[str, Any], what: str = "findings") -> list[str]:
    return sorted(finding["kind"] for finding in printed[what])


def test_a_good_house_is_proven(house: Path) -> None:
    finished = asr_pipeline("verify", "--deep", data_dir=house)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "3 files entered = 2 done + 0 in progress + 0 failed + 1 quarantined + 0 dropped" in finished.stdout
    assert "Nothing is lost" in finished.stdout


def test_what_is_restored_elsewhere_is_the_same(house: Path, restored: Path) -> None:
    equation = {"files": 3, "recordings": 3, "done": 2, "in_progress": 0, "failed": 0, "quarantined": 1}
    equation |= {"refused": 0, "dropped": 0, "lost": 0, "holds": True}
    assert verify(restored, "--deep") == (0, {"equation": equation, "findings": [], "repaired": []})
    (one, _) = json.loads(asr_pipeline("list", "--state", "done", "--json", data_dir=restored).stdout)
    shown = [
        asr_pipeline("show", one["recording_id"], "--json", data_dir=data_dir).stdout for data_dir in (house, restored)
    ]
    assert shown[0] == shown[1]
    assert json.loads(shown[0])["utterances"]
    again = asr_pipeline("restore", "/no/such/file", data_dir=restored)
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert "Traceback" not in again.stderr


def test_what_is_lost_is_named_and_what_can_be_mended_is(restored: Path) -> None:
    partial = restored / "originals" / ".partial-0"
    partial.write_bytes(b"half")
    long_ago_s = time.time() - 7200
    os.utime(partial, (long_ago_s, long_ago_s))
    with closing(sqlite3.connect(restored / "dagster" / "history" / "runs" / "index.db")) as events:
        events.execute(
            "DELETE FROM event_logs WHERE asset_key = '[\"segments\"]' AND dagster_event_type = 'ASSET_MATERIALIZATION'"
        )
        key = events.execute("SELECT partition FROM dynamic_partitions LIMIT 1").fetchone()[0]
        events.execute("DELETE FROM dynamic_partitions WHERE partition = ?", [key])
        events.commit()
    mendable = ["materialization_missing", "materialization_missing", "partition_missing", "stale_partial_file"]
    code, printed = verify(restored)
    assert (code, kinds(printed)) == (1, mendable)
    code, printed = verify(restored, "--repair")
    assert (code, kinds(printed), kinds(printed, "repaired")) == (0, [], mendable)

    with closing(sqlite3.connect(restored / "asr_pipeline.db")) as database:
        lost, kept = database.execute("SELECT number, source FROM recordings WHERE state = 'done'").fetchall()
        database.execute("DELETE FROM recordings WHERE number = ?", lost[:1])
        database.commit()
    original = restored / kept[1]
    original.write_bytes(original.read_bytes()[:-1] + b"!")
    finished = asr_pipeline("verify", "--deep", data_dir=restored)
    assert finished.returncode == 1
    assert "3 files entered ≠" in finished.stdout
    assert "recording_lost" in finished.stdout
    assert "materialization_unknown" in finished.stdout
    assert "partition_unknown" in finished.stdout
    assert "original_altered" in finished.stdout


def test_it_goes_to_postgresql_and_on_from_there(
    backup: Path, tmp_path: Path, samples: Path, postgres_url: str
) -> None:
    import sqlalchemy as sa  # noqa: PLC0415

    engine = sa.create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE DATABASE restored")
    url = sa.make_url(postgres_url).set(database="restored").render_as_string(hide_password=False)
    there: dict[str, Any] = {"data_dir": tmp_path / "data", "environment": {"ASR_PIPELINE_DATABASE_URL": url}}
    finished = asr_pipeline("restore", backup, **there)
    assert finished.returncode == 0, finished.stderr
    assert asr_pipeline("process", samples / "phrases-2.wav", **there).returncode == 0
    finished = asr_pipeline("verify", "--deep", **there)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "4 files entered = 3 done" in finished.stdout
    with engine.connect() as connection:
        connection.exec_driver_sql("DROP DATABASE restored WITH (FORCE)")


@pytest.mark.fault
def test_a_full_disk_leaves_nothing_half_done(house: Path, backup: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "target"
    finished = asr_pipeline("restore", backup, data_dir=data_dir, max_file_bytes=100_000)
    assert finished.returncode == 1
    assert "Free some space" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert [path.name for path in data_dir.rglob("*") if path.is_file() and "asr_pipeline.db" not in path.name] == [
        ".lock-restore"
    ]
    finished = asr_pipeline("restore", backup, data_dir=data_dir)  # with room again, into the same folder
    assert finished.returncode == 0, finished.stderr

    out = tmp_path / "out"
    out.mkdir()
    finished = asr_pipeline("backup", out / "house.tar.gz", data_dir=house, max_file_bytes=200_000)
    assert finished.returncode == 1
    assert "Free some space" in finished.stderr
    assert list(out.iterdir()) == []
