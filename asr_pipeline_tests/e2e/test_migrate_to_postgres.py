"""An embedded installation moves to PostgreSQL, with everything that Dagster knows, and goes on there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from asr_pipeline.defs.instance import keeps_in_postgresql, open_instance
from asr_pipeline.defs.postgres_storage import PostgresStorage
from asr_pipeline.defs.to_postgres import move_to_postgres
from asr_pipeline.domain.errors import SetupError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import open_database, upgrade
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.conftest import HOUSE_VARIABLE, _postgres_database
from asr_pipeline_tests.e2e.commands import asr_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.database, pytest.mark.fault, pytest.mark.sqlite_alone]


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of an empty database."""
    yield from _postgres_database(request, "template0")


@contextmanager
def settings_name(url: str | None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        if url is not None:
            patched.setenv(HOUSE_VARIABLE, url)
        yield


def what_dagster_shows(data_dir: Path, url: str | None) -> dict[str, Any]:
    """Give what its UI asks for, but for the numbers of events."""
    with settings_name(url), open_instance(data_dir / "dagster") as instance:
        assert keeps_in_postgresql(instance) == (url is not None)
        runs = instance.get_runs()
        keys = [dg.AssetKey(stage.value) for stage in Stage]
        return {
            "runs": [(run.run_id, run.status, sorted(run.tags.items())) for run in runs],
            "logs": {run.run_id: [repr(entry) for entry in instance.all_logs(run.run_id)] for run in runs},
            "partitions": instance.get_dynamic_partitions("recordings"),
            "materialized": {key: instance.get_materialized_partitions(key) for key in keys},
            "materializations": {
                key: [
                    (one.partition_key, one.run_id, one.timestamp, repr(one.asset_materialization))
                    for one in instance.fetch_materializations(key, limit=100).records
                ]
                for key in keys
            },
            "last": {key: repr(instance.get_latest_materialization_event(key)) for key in keys},
            "tags": {
                key: instance.event_log_storage.get_event_tags_for_asset(
                    key, {"dagster/data_version_is_user_provided": "true"}
                )
                for key in keys
            },
            "checks": {
                key: [
                    (one.run_id, one.status, one.partition)
                    for one in instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
                ]
                for key in (dg.AssetCheckKey(dg.AssetKey("raw_audio"), "not_silent"),)
            },
            "schedules": [repr(state.instigator_data) for state in instance.all_instigator_state()],
        }


def move(data_dir: Path, target: str) -> None:
    move_to_postgres(load_settings(data_dir=data_dir), target, begin=lambda _: None, advance=lambda _: None)


def kill_in_its_midst(data_dir: Path, target: str) -> None:
    """Kill the command where it has copied nearly everything: it waits for a table that is locked."""
    engine = open_database(target)
    upgrade(engine)
    PostgresStorage(target).dispose()
    with engine.begin() as holder:
        holder.execute(sa.text("LOCK TABLE dagster_storage.pending_steps IN SHARE MODE"))
        with subprocess.Popen(
            [sys.executable, "-m", "asr_pipeline", "migrate-to-postgres", target],
            env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)},
        ) as process:
            waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as looker:
                while not looker.execute(waits).scalar():
                    assert process.poll() is None
            process.kill()
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM recordings")).scalar() == 0
    engine.dispose()


def test_everything_moves_or_nothing_and_goes_on(tmp_path: Path, samples: Path, target: str) -> None:
    data_dir = tmp_path / "data"
    no_audio = tmp_path / "no audio.wav"
    no_audio.write_text("no audio")
    for files in ([samples / "phrases-1.wav", no_audio], [samples / "phrases-3.wav"]):
        asr_pipeline("process", *files, data_dir=data_dir)
    with open_instance(data_dir / "dagster") as instance:
        with pytest.raises(SetupError, match="another program that has"):
            move(data_dir, target)
        instance.report_runless_asset_event(dg.AssetMaterialization(Stage.SUBTITLES.value, partition="by hand"))
    before = what_dagster_shows(data_dir, None)
    assert len(before["runs"]) == 2
    kill_in_its_midst(data_dir, target)

    moved = asr_pipeline("migrate-to-postgres", target, "--json", data_dir=data_dir)
    assert moved.returncode == 1, moved.stderr
    told = json.loads(moved.stdout)
    assert told["rows"]["recordings"] == 3
    assert told["rows"]["dagster_storage.runs"] == 2
    # What was wrong before is so afterwards, and `verify` finds it: a materialization that SQL knows nothing of.
    assert [one["kind"] for one in told["verify"]["findings"]] == ["materialization_unknown"]
    assert what_dagster_shows(data_dir, target) == before
    assert what_dagster_shows(data_dir, None) == before  # the SQLite files stay

    third = asr_pipeline("process", samples / "phrases-5.wav", data_dir=data_dir, environment={HOUSE_VARIABLE: target})
    assert third.returncode == 0, third.stderr
    after = what_dagster_shows(data_dir, target)
    assert after["partitions"][:-1] == before["partitions"]
    assert len(after["runs"]) == 3
    assert before["logs"].items() <= after["logs"].items()
    with settings_name(target), open_storage(load_settings(data_dir=data_dir)) as storage:
        assert storage.store.count_by_state()[RecordingState.DONE] == 3
    with pytest.raises(SetupError, match="expected an empty database"):
        move(data_dir, target)
