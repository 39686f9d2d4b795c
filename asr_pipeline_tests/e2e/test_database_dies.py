"""PostgreSQL, ours and Dagster's, is killed in the middle of the work and comes back: the work goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from asr_pipeline.defs.instance import keeps_in_postgresql, open_instance
from asr_pipeline.defs.own_process import UNFINISHED
from asr_pipeline.defs.reconcile import compare
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.tables import stage_commits
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.e2e.serving import served
from asr_pipeline_tests.postgres import PostgresServer, postgres_server

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


def kill_in_mid_work(server: PostgresServer) -> None:
    wait_for_the_first_commit(server.url)
    server.kill()
    time.sleep(AWAY_S)  # for so long nobody answers
    server.start()


def look_for_what_is_lost(data_dir: Path) -> None:
    """Hold rows, files and Dagster, which is on the same server, against each other."""
    with open_storage(load_settings(data_dir=data_dir)) as storage, open_instance(data_dir / "dagster") as instance:
        assert keeps_in_postgresql(instance)
        assert storage.store.count_by_state()[RecordingState.DONE] == MEMOS
        assert list(storage.verify().findings) == []
        assert list(compare(instance, storage.database)) == []
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresServer]:
    with postgres_server(durable=True) as server:
        monkeypatch.setenv("ASR_PIPELINE_DATABASE_URL", server.url)
        yield server


def test_a_command_goes_on(tmp_path: Path, samples: Path, server: PostgresServer) -> None:
    files = memos(samples, tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "asr_pipeline", "process", *files, "-f", "txt"],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(tmp_path / "data")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        kill_in_mid_work(server)
        printed, errors = process.communicate(timeout=LONGEST_WAIT_S)
    assert process.returncode == 0, errors
    assert printed.count("The camera in the garden is broken.") == 2
    look_for_what_is_lost(tmp_path / "data")


def test_the_daemon_and_its_run_go_on(tmp_path: Path, samples: Path, server: PostgresServer) -> None:
    layout = Layout(tmp_path / "data")
    layout.ensure()
    with served(layout.data_dir) as up:
        memos(samples, layout.inbox)
        kill_in_mid_work(server)
        with open_storage(load_settings(data_dir=layout.data_dir)) as storage:
            up.wait_until(lambda: storage.store.count_by_state()[RecordingState.DONE] == MEMOS, "all done")
        with open_instance(layout.dagster_home) as instance:
            up.wait_until(lambda: not instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)), "no run at work")
    look_for_what_is_lost(layout.data_dir)
