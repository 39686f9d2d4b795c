"""A clock that was set back: Dagster's daemon would do nothing until it is again what it was, and take no file.

It compares each sensor's and schedule's last tick with the present, and waits for the next one's time.
"""

import contextlib
import time
from typing import Any

import dagster as dg

from asr_pipeline.defs.instance import dagster_errors
from asr_pipeline.domain.errors import TransientFailure

LAST_ITERATION = "last_iteration_timestamp"  # of a schedule
YEAR_3000_S = 32_503_680_000.0  # no tick is later
AHEAD_MAX_S = 10.0  # no tick is ever so far ahead, unless the clock was set back since


def forget_ticks_of_the_future(instance: dg.DagsterInstance) -> None:
    """Let sensors and schedules whose last tick lies in the future go on from now.

    Of a schedule, a running daemon remembers the last time by itself too: it goes on when that is started anew.
    Nothing is done where Dagster's database is away: this is called again.
    """
    with contextlib.suppress(TransientFailure), dagster_errors(instance):
        _forget(instance, time.time())


def _forget(instance: dg.DagsterInstance, now_s: float) -> None:
    for state in instance.all_instigator_state():
        data: Any = state.instigator_data  # Dagster exports no names for its kinds
        times = [name for name in getattr(data, "_fields", ()) if name.endswith("_timestamp")]
        if not times:  # it has never been started
            continue
        ahead = {name for name in times if (getattr(data, name) or 0.0) > now_s + AHEAD_MAX_S}
        which = (state.instigator_origin_id, state.selector_id)
        if ahead or instance.get_ticks(*which, after=now_s + AHEAD_MAX_S, limit=1):
            if LAST_ITERATION in times:  # without ticks, a schedule would begin where it was last noted
                ahead.add(LAST_ITERATION)
            instance.purge_ticks(*which, before=YEAR_3000_S)
            instance.update_instigator_state(state.with_data(data._replace(**dict.fromkeys(ahead, now_s))))
