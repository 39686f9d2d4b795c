"""Whether Dagster's daemon is at work: it evaluates sensors, and starts what is queued."""

import time

import dagster as dg

SENSORS = "SENSOR"  # the daemon that evaluates sensors; Dagster exports no name for it
SILENT_MAX_S = 120.0  # it is heard every half minute


def daemon_is_alive(instance: dg.DagsterInstance) -> bool:
    """Tell whether what waits for a sensor will be seen soon."""
    heard = instance.get_daemon_heartbeats().get(SENSORS)
    return heard is not None and time.time() - heard.timestamp < SILENT_MAX_S
