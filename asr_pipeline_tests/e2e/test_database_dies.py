"""PostgreSQL is killed in the middle of the work and comes back: the work goes on as if nothing had been."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.tables import stage_commits
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.postgres import postgres_server

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.database, pytest.mark.fault]
MEMOS = 8
AWAY_S = 5
LONGEST_WAIT_S = 300


def memos(samples: Path, folder: Path) -> list[Path]:
    originals = sorted(samples.glob("*.wav"))
    return [
        write_memo(originals[number % len(originals)], folder / f"memo {number}.wav", number) for number in range(MEMOS)
    ]


def wait_for_the_first_commit(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < deadline_s:
        with engine.connect() as connection:
            if sa.inspect(connection).has_table("stage_commits") and connection.scalar(
                sa.select(sa.func.count()).select_from(stage_commits)
            ):
                return
        time.sleep(0.02)
    raise AssertionError(f"no stage was committed within {LONGEST_WAIT_S} s")


def test_a_database_that_is_killed_and_comes_back_costs_nothing(tmp_path: Path, samples: Path) -> None:
    files = memos(samples, tmp_path)
    with postgres_server(durable=True) as server:
        environment = {"ASR_PIPELINE_DATABASE_URL": server.url, "ASR_PIPELINE_DATA_DIR": str(tmp_path / "data")}
        with subprocess.Popen(
            [sys.executable, "-m", "asr_pipeline", "process", *files, "-f", "txt"],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_for_the_first_commit(server.url)
            server.kill()
            time.sleep(AWAY_S)  # for so long nobody answers
            server.start()
            printed, errors = process.communicate(timeout=LONGEST_WAIT_S)
        assert process.returncode == 0, errors
        assert printed.count("The camera in the garden is broken.") == 2
        with open_storage(load_settings(data_dir=tmp_path / "data", database_url=server.url)) as storage:
            assert storage.store.count_by_state()[RecordingState.DONE] == MEMOS
            assert list(storage.verify().findings) == []
