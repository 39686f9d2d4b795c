"""How long a sensor waits where the runs that it asked for end without doing what they were asked for.

A run that can't begin, for want of a model perhaps, must not be started every few seconds.
"""

import itertools
import time
from collections.abc import Callable, Mapping

import dagster as dg

ASKED_BY_TAG = "asr_pipeline/asked_by"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 1800.0
RUNS_LOOKED_BACK = 10
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def pause_after_vain_runs(
    instance: dg.DagsterInstance, asked: Mapping[str, str], was_in_vain: Callable[[dg.DagsterRun], bool], what: str
) -> str:
    """Tell how long to wait after a sensor's last runs with these tags, where all of them were in vain; "" to go on."""
    filters = dg.RunsFilter(tags=dict(asked), statuses=ENDED)
    records = instance.get_run_records(filters, limit=RUNS_LOOKED_BACK)
    in_vain = list(itertools.takewhile(lambda one: was_in_vain(one.dagster_run), records))
    if not in_vain:
        return ""
    last = in_vain[0]
    ended_s = last.end_time or last.update_timestamp.timestamp()
    pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (len(in_vain) - 1))
    left_s = ended_s + pause_s - time.time()
    if not 0 < left_s <= pause_s:  # beyond it: the clock was set back
        return ""
    return (
        f"{what} wait: run {last.dagster_run.run_id[:8]} ended without having done them "
        f"({len(in_vain)} in a row). The next is started in {left_s:.0f} s; its log says what to change."
    )
