"""Whatever part of `asr-pipeline up` is killed, and whenever: all that entered is done, and SQL and Dagster agree."""

from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import stage_commits
from asr_pipeline.wiring.storage import Storage, open_storage
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import Served, kill, let_dagster_look_often, served

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]
MEMOS = 20
RUN_PROCESS = ("multiprocessing.spawn", "spawn_main")
CODE_SERVER = ("dagster", "api", "grpc")
DAEMON = ("dagster._daemon",)


def drop(samples: Path, inbox: Path, numbers: range) -> None:
    """Put memos of different bytes into the inbox."""
    originals = sorted(samples.glob("*.wav"))
    inbox.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        partial = inbox / f"memo {number}.wav.part"
        write_memo(originals[number % len(originals)], partial, number)
        partial.rename(partial.with_suffix(""))


def commits(storage: Storage) -> int:
    with reading(storage.database) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(stage_commits)).scalar_one())


def work_has_begun(up: Served, storage: Storage) -> None:
    """Wait until a run commits something more."""
    before = commits(storage)
    up.wait_until(lambda: commits(storage) > before, "a run at work")


@pytest.mark.timeout(1800)
def test_whatever_is_killed_everything_is_done(tmp_path: Path, samples: Path) -> None:
    data_dir = tmp_path / "data"
    let_dagster_look_often(data_dir / "dagster")
    with open_storage(load_settings(data_dir=data_dir)) as storage:
        drop(samples, data_dir / "inbox", range(5))
        with served(data_dir) as up:
            for number, victim in enumerate([RUN_PROCESS, CODE_SERVER, DAEMON], start=1):
                work_has_begun(up, storage)
                kill(up.below(*victim))
                drop(samples, data_dir / "inbox", range(5 * number, 5 * number + 5))
            work_has_begun(up, storage)
            everything = psutil.Process(up.process.pid)
            kill([everything, *everything.children(recursive=True)])  # as when the power fails
        with served(data_dir) as up, open_instance(data_dir / "dagster") as instance:
            up.wait_until(
                lambda: storage.store.count_by_state()[RecordingState.DONE] == MEMOS and not unfinished(instance),
                f"{MEMOS} recordings done",
            )
    told = printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=data_dir))
    assert told["findings"] == []
    assert [path for path in data_dir.rglob(f"{PARTIAL_PREFIX}*") if path.is_file()] == []
    assert [path.name for path in (data_dir / "inbox").iterdir()] == []
