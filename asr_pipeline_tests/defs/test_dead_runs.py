"""Runs of processes that are gone: they hold nothing back, and what they committed is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs import backlog
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.dead_runs import close_dead_runs
from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, add_partitions, open_instance, run_in_process
from asr_pipeline.defs.own_process import PROCESS_TAG, process_is_gone, this_process
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline

pytestmark = pytest.mark.e2e


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_instance(tmp_path / "data" / "dagster") as instance:
        add_partitions(instance, [f"r{number}" for number in range(10)])
        yield instance


def started(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED, **tags: str
) -> dg.DagsterRun:
    job = build_defs().resolve_job_def("process_recordings")
    named = {name.replace("__", "/"): value for name, value in tags.items()}
    return instance.create_run_for_job(job, status=status, tags=named)


def name_of_a_process_that_ended() -> str:
    code = "from asr_pipeline.defs.own_process import this_process; print(this_process())"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_unfinished_runs_cover_ranges_partitions_and_keys(instance: dg.DagsterInstance) -> None:
    assert unfinished(instance) == frozenset()
    range_tags = {RANGE_START_TAG.replace("/", "__"): "r2", RANGE_END_TAG.replace("/", "__"): "r4"}
    started(instance, dg.DagsterRunStatus.STARTING, **range_tags)
    started(instance, dg.DagsterRunStatus.STARTING, dagster__partition="r6")
    started(instance, dg.DagsterRunStatus.SUCCESS, dagster__partition="r8")
    instance.create_run_for_job(
        build_defs().resolve_job_def("process_recordings"),
        run_config={"ops": {"recording_stages": {"config": {"keys": ["r0", "r9"]}}}},
    )
    assert unfinished(instance) == {"r0", "r2", "r3", "r4", "r6", "r9"}


def test_a_process_is_known_by_more_than_its_id() -> None:
    mine = this_process()

    def gone(name: str) -> bool:
        return process_is_gone(dg.DagsterRun("process_recordings", run_id="r", tags={PROCESS_TAG: name}))

    assert not gone(mine)
    assert gone(name_of_a_process_that_ended())
    assert gone("/".join([*mine.split("/")[:2], "1"]))
    assert not gone(f"elsewhere/{os.getpid()}/1")
    assert not process_is_gone(dg.DagsterRun("process_recordings", run_id="r"))


def test_a_dead_run_is_closed_and_holds_nothing_back(instance: dg.DagsterInstance) -> None:
    gone = name_of_a_process_that_ended()
    ours = started(instance, dagster__partition="r1", dagster__max_retries="0", asr_pipeline__process=gone)
    launched = started(instance, dagster__partition="r3", asr_pipeline__process=gone)
    alive = started(instance, dagster__partition="r2", asr_pipeline__process=this_process())
    assert unfinished(instance) == {"r2"}
    with open_pipeline(load_settings()) as pipeline:
        close_dead_runs(instance, pipeline.store)
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses == {
        ours.run_id: dg.DagsterRunStatus.CANCELED,
        launched.run_id: dg.DagsterRunStatus.FAILURE,  # the daemon starts it again
        alive.run_id: dg.DagsterRunStatus.STARTED,
    }


def test_a_run_whose_process_died_before_it_was_named_is_closed_in_the_end(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_recordings = started(instance, dagster__partition="r1")
    another = instance.create_run_for_job(
        build_defs().resolve_job_def("clean_originals"), status=dg.DagsterRunStatus.STARTED
    )
    for run in (of_recordings, another):
        started_now = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=run.job_name)
        instance.run_storage.handle_run_event(run.run_id, started_now)
    assert unfinished(instance) == {"r1"}
    monkeypatch.setattr(backlog, "NAMED_AFTER_S", -1.0)
    assert unfinished(instance) == frozenset()
    with open_pipeline(load_settings()) as pipeline:
        close_dead_runs(instance, pipeline.store)
    assert {run.run_id: run.status for run in instance.get_runs()} == {
        of_recordings.run_id: dg.DagsterRunStatus.FAILURE,
        another.run_id: dg.DagsterRunStatus.STARTED,
    }


@pytest.mark.engine
def test_what_a_dead_run_committed_is_told_once(instance: dg.DagsterInstance, samples: Path) -> None:
    with open_pipeline(load_settings()) as pipeline:
        recording_id = pipeline.register(samples / "phrases-3.wav").recording_id
        add_partitions(instance, [recording_id])
        run_in_process(build_defs().resolve_job_def("process_recordings"), instance, [recording_id])
        (run,) = instance.get_runs()
        told = tags_of(instance, recording_id)
        # As if the process had been killed between SQL and Dagster, in each stage.
        instance.event_log_storage.delete_events(run.run_id)
        for stage in Stage:
            instance.wipe_assets([dg.AssetKey(stage.value)])
        instance.add_run_tags(run.run_id, {PROCESS_TAG: name_of_a_process_that_ended()})
        instance.run_storage.handle_run_event(
            run.run_id,
            dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=run.job_name),
        )
        for _ in range(2):
            close_dead_runs(instance, pipeline.store)
    assert tags_of(instance, recording_id) == told


def tags_of(instance: dg.DagsterInstance, recording_id: str) -> dict[Stage, tuple[str, str]]:
    """Give (partition, data version) of each asset's only materialization."""
    found = {}
    for stage in Stage:
        (record,) = instance.fetch_materializations(dg.AssetKey(stage.value), limit=10).records
        assert record.asset_materialization is not None
        assert record.partition_key == recording_id
        found[stage] = (record.partition_key, (record.asset_materialization.tags or {})["dagster/data_version"])
    return found
