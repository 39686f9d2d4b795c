"""Another program holds the SQLite files locked for ten seconds: it is waited for, and everything is done."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import stage_commits
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.e2e.commands import LONGEST_WAIT_S, asr_pipeline, printed_json

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.database, pytest.mark.fault, pytest.mark.sqlite_alone]
LOCKED_S = 10


def hold_for_a_while(folder: Path) -> None:
    """Hold all databases in a folder, so that nobody else can write to them."""
    with ExitStack() as stack:
        for file in sorted(folder.rglob("*.db")):
            connection = stack.enter_context(closing(sqlite3.connect(file, timeout=LONGEST_WAIT_S)))
            connection.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)


def wait_for_commits(data_dir: Path, more_than: int) -> None:
    with open_storage(load_settings(data_dir=data_dir)) as storage:
        deadline_s = time.monotonic() + LONGEST_WAIT_S
        count, committed = sa.select(sa.func.count()).select_from(stage_commits), 0
        while committed <= more_than:
            assert time.monotonic() < deadline_s, f"no more than {committed} stages"
            with reading(storage.database) as connection:
                committed = connection.execute(count).scalar_one()
            time.sleep(0.01)


@contextmanager
def processing(data_dir: Path, files: list[Path]) -> Iterator[None]:
    """Process files while the block runs; all must be done after it."""
    with subprocess.Popen(
        [sys.executable, "-m", "asr_pipeline", "process", *files],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield
        _, errors = process.communicate(timeout=LONGEST_WAIT_S)
    assert process.returncode == 0, errors
    told = printed_json(asr_pipeline("verify", "--json", data_dir=data_dir))
    assert (told["equation"]["done"], told["findings"]) == (1 + len(files), [])


@pytest.fixture
def data_dir(tmp_path: Path, samples: Path) -> Path:
    """Give a data folder with one recording that is done."""
    assert asr_pipeline("process", samples / "phrases-1.wav", data_dir=tmp_path / "data").returncode == 0
    return tmp_path / "data"


def test_everything_is_locked_in_the_middle_of_the_work(data_dir: Path, samples: Path) -> None:
    others = sorted(samples.glob("*.wav"))[1:]
    with processing(data_dir, others):
        wait_for_commits(data_dir, more_than=len(Stage))
        hold_for_a_while(data_dir)


def test_what_dagster_knows_of_runs_is_locked_when_one_begins(data_dir: Path, samples: Path) -> None:
    with processing(data_dir, [samples / "phrases-2.wav"]):
        hold_for_a_while(data_dir / "dagster")
