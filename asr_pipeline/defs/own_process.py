"""Which process executes a run, and whether it still lives.

Nobody else looks: Dagster's default launcher can't tell, and nothing watches a run of the command line. Killed, a run
would look started for good, hold one of the few places for runs, and its recordings would be left alone.
"""

import os
import socket
from pathlib import Path

import dagster as dg

PROCESS_TAG = "asr_pipeline/process"
MAX_RETRIES_TAG = "dagster/max_retries"
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.MANAGED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def this_process() -> str:
    """Name this process so that no other, later one has the same name: host, id, and when it was started."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started_at(os.getpid())}"


def tags_of_our_runs() -> dict[str, str]:
    """Give the tags of a run of this command line: the daemon has no code location to start it again from."""
    return {PROCESS_TAG: this_process(), MAX_RETRIES_TAG: "0"}


def note_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note that this process executes a run."""
    if run.tags.get(PROCESS_TAG) != this_process():
        instance.add_run_tags(run.run_id, {PROCESS_TAG: this_process()})


def note_interrupted(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note that a person stops a run of this command line: without it Dagster takes Ctrl-C for a failure.

    Any other run that is interrupted without a request ends with its process, and is started again.
    """
    if run.tags.get(MAX_RETRIES_TAG) == "0":
        instance.report_run_canceling(run, message="Ctrl-C: the run ends.")


def process_is_gone(run: dg.DagsterRun) -> bool:
    """Tell whether a run was executed by a process of this host that has ended. False for any other run."""
    host, _, rest = run.tags.get(PROCESS_TAG, "").partition("/")
    pid, _, started_at = rest.partition("/")
    return host == socket.gethostname() and pid.isdigit() and _started_at(int(pid)) != started_at


def _started_at(pid: int) -> str:
    """Give when a process was started, in the kernel's ticks since boot; "" where there is none, or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = stat.rpartition(")")[2].split()  # the command's name before it may hold anything
    return "" if fields[0] in {"Z", "X"} else fields[19]
