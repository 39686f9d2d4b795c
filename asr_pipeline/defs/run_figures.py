"""What monitoring reads from Dagster's instance: runs by status, how long the oldest have stood, daemons' heartbeats.

A count a status, and one row of each that is not at its end: cheap, however many runs there are.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from asr_pipeline.defs.instance import dagster_errors
from asr_pipeline.defs.own_process import UNFINISHED


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Runs by status; seconds since the oldest unfinished of a status was made, 0 where there is none.

    `silent_s`: seconds since each of Dagster's daemons was heard; none where no daemon was ever started.
    """

    by_status: Mapping[str, int]
    oldest_s: Mapping[str, float]
    silent_s: Mapping[str, float]


def run_figures(instance: dg.DagsterInstance) -> RunFigures:
    """Count. Raises StoreUnavailable where Dagster's database is away."""
    with dagster_errors(instance):
        now_s = time.time()
        heartbeats = instance.get_daemon_heartbeats().items()
        return RunFigures(
            by_status={
                status.value.lower(): instance.get_runs_count(dg.RunsFilter(statuses=[status]))
                for status in dg.DagsterRunStatus
            },
            oldest_s={status.value.lower(): _oldest_s(instance, status, now_s) for status in UNFINISHED},
            silent_s={daemon.lower(): max(0.0, now_s - beat.timestamp) for daemon, beat in heartbeats},
        )


def _oldest_s(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, now_s: float) -> float:
    """Give how long the oldest run has been unfinished: since its start where it has one, else since it was made."""
    records = instance.get_run_records(dg.RunsFilter(statuses=[status]), limit=1, ascending=True)
    since = [record.start_time or record.create_timestamp.timestamp() for record in records]
    return max((now_s - one for one in since), default=0.0)
