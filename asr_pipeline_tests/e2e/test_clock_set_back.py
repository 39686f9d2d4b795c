"""The clock is set back by a day: the inbox is taken, work goes on, and nothing is out of order.

For the program that is the same as all that it has noted and written lying a day in the future.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from asr_pipeline.definitions import defs
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault, pytest.mark.sqlite_alone]
DAY_S = 24 * 3600


def set_back(data_dir: Path, instance: dg.DagsterInstance) -> None:
    """Move every time in a data folder a day ahead: of rows, of Dagster's sensors and schedules, of files."""
    for file in data_dir.rglob("*.db"):
        with closing(sqlite3.connect(file, timeout=60)) as database, database:
            for table, column, kind in times(database):
                moved = (
                    f"{column} + {DAY_S}" if kind == "FLOAT" else f"strftime('%Y-%m-%d %H:%M:%f', {column}, '+1 day')"
                )
                database.execute(f"UPDATE {table} SET {column} = {moved} WHERE {column} IS NOT NULL")  # noqa: S608
    for state in instance.all_instigator_state():
        ahead = {name: moment_s + DAY_S for name, moment_s in moments_s(state.instigator_data).items()}
        data: Any = state.instigator_data
        instance.update_instigator_state(state.with_data(data._replace(**ahead)))
    for path in data_dir.rglob("*.*"):
        if path.is_file() and path.suffix not in {".db", ".db-wal", ".db-shm"}:
            os.utime(path, (path.stat().st_atime + DAY_S, path.stat().st_mtime + DAY_S))


def times(database: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """Give (table, column, kind) of each column that holds moments."""
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        for _, column, kind, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
            if kind in {"DATETIME", "TIMESTAMP"} or (kind == "FLOAT" and column in {"start_time", "end_time"}):
                yield table, column, kind


def moments_s(instigator_data: Any) -> dict[str, float]:  # noqa: ANN401 - Dagster exports no names for its kinds
    """Give the times that Dagster keeps of a sensor or schedule."""
    fields = instigator_data._asdict().items()
    return {name: value for name, value in fields if name.endswith("_timestamp") and value}


def latest_s(instance: dg.DagsterInstance) -> float:
    """Give the latest time that Dagster keeps of any sensor or schedule."""
    return max(max(moments_s(state.instigator_data).values()) for state in instance.all_instigator_state())


def has_ticked(instance: dg.DagsterInstance) -> bool:
    """Tell whether the daemon knows all sensors and schedules, and the inbox has been looked at."""
    states = instance.all_instigator_state()
    looked = any("last_tick_success_timestamp" in moments_s(state.instigator_data) for state in states)
    return looked and len(states) == len(list(defs.sensors or [])) + len(list(defs.schedules or []))


def test_the_inbox_is_taken_and_what_was_done_stays_so(tmp_path: Path, samples: Path) -> None:
    data_dir = tmp_path / "data"
    first, second, third, *_ = sorted(samples.glob("*.wav"))
    assert asr_pipeline("process", first, data_dir=data_dir).returncode == 0
    with (
        open_storage(load_settings(data_dir=data_dir)) as storage,
        open_instance(data_dir / "dagster") as instance,
    ):
        with served(data_dir) as up:
            up.wait_until(lambda: has_ticked(instance), "a tick of the sensor")
            write_memo(second, storage.inbox.folder / "from the future.wav", 0)
            set_back(data_dir, instance)
            assert latest_s(instance) > time.time() + DAY_S / 2
            write_memo(second, storage.inbox.folder / "from now.wav", 1)
            up.wait_until(
                lambda: storage.store.count_by_state()[RecordingState.DONE] == 3 and not unfinished(instance),
                "three recordings done",
            )
        assert latest_s(instance) < time.time() + DAY_S / 2
    assert asr_pipeline("process", first, third, "--again", data_dir=data_dir).returncode == 0
    told = printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=data_dir))
    assert (told["equation"]["done"], told["findings"]) == (4, [])
