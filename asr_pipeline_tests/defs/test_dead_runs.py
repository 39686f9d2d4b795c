"""Runs whose process is gone are failed; those of living processes and of other machines are not."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.dead_runs import PROCESS_TAG, fail_dead_runs, note_process
from asr_pipeline.defs.instance import open_instance

pytestmark = [pytest.mark.e2e, pytest.mark.fault]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(tmp_path / "dagster") as opened:
        yield opened


def started_run(instance: dg.DagsterInstance) -> str:
    run = instance.create_run_for_job(build_defs().resolve_job_def("process_recordings"))
    instance.report_dagster_event(
        dg.DagsterEvent(event_type_value=dg.DagsterEventType.RUN_START.value, job_name=run.job_name), run.run_id
    )
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_of_a_killed_process_is_failed(instance: dg.DagsterInstance) -> None:
    alive, dead, elsewhere, reused = (started_run(instance) for _ in range(4))
    note_process(instance, alive)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        instance.add_run_tags(dead, {PROCESS_TAG: f"{socket.gethostname()} {process.pid} {ticks}"})
        assert fail_dead_runs(instance) == []
        process.kill()
        process.wait()
    instance.add_run_tags(elsewhere, {PROCESS_TAG: f"another-machine {process.pid} {ticks}"})
    instance.add_run_tags(reused, {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()} 1"})
    assert set(fail_dead_runs(instance)) == {dead, reused}
    assert status(instance, dead) is dg.DagsterRunStatus.FAILURE
    assert status(instance, alive) is status(instance, elsewhere) is dg.DagsterRunStatus.STARTED
    assert fail_dead_runs(instance) == []
