"""Runs whose process is gone without a word: found by their tag, and failed.

Dagster's default launcher does not look whether a run's process lives. Left alone, such a run would stay STARTED for
ever and hold one of the few places for runs.
"""

import os
import socket
from pathlib import Path

import dagster as dg

PROCESS_TAG = "asr_pipeline/process"
UNENDED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def note_process(instance: dg.DagsterInstance, run_id: str) -> None:
    """Note that this process executes a run."""
    instance.add_run_tags(run_id, {PROCESS_TAG: f"{socket.gethostname()} {os.getpid()} {_started_at(os.getpid())}"})


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail the runs of this machine whose process is gone; gives their ids. Runs of other machines are left alone."""
    dead = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=UNENDED))
        if (process := run.tags.get(PROCESS_TAG)) is not None and not _may_live(process)
    ]
    for run in dead:
        instance.report_run_failed(run, f"The process that executed this run is gone: {run.tags[PROCESS_TAG]}.")
    return [run.run_id for run in dead]


def _may_live(process: str) -> bool:
    host, pid, started_at = process.rsplit(" ", 2)
    return host != socket.gethostname() or _started_at(int(pid)) == started_at


def _started_at(pid: int) -> str | None:
    """Give when a process started, in ticks since the machine's start: its number may be another's by now."""
    try:
        described = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = described.rpartition(")")[2].split()  # the name before may hold anything
    state, started_at = fields[0], fields[19]
    return None if state in {"Z", "X"} else started_at
