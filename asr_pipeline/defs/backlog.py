"""What is under way: recordings that a run which has not ended covers."""

from typing import Any

import dagster as dg

from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, STEP
from asr_pipeline.defs.own_process import UNFINISHED, process_is_gone
from asr_pipeline.defs.partitions import recordings

PARTITION_TAG = "dagster/partition"  # Dagster's own; it exports no name for it


def unfinished(instance: dg.DagsterInstance) -> frozenset[str]:
    """Give the recordings that runs cover which have not ended. A run whose process was killed covers none."""
    runs = [run for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED)) if not process_is_gone(run)]
    if not runs:
        return frozenset()
    places = {key: place for place, key in enumerate(instance.get_dynamic_partitions(str(recordings.name)))}
    keys = list(places)
    covered: set[str] = set()
    for run in runs:
        first, last = places.get(run.tags.get(RANGE_START_TAG, "")), places.get(run.tags.get(RANGE_END_TAG, ""))
        if first is not None and last is not None:
            covered.update(keys[first : last + 1])
        if PARTITION_TAG in run.tags:
            covered.add(run.tags[PARTITION_TAG])
        covered.update(_keys_of(run.run_config))
    return frozenset(covered)


def _keys_of(config: Any) -> list[str]:  # noqa: ANN401 - a run's config has any shape
    keys: list[str] = config.get("ops", {}).get(STEP, {}).get("config", {}).get("keys", [])
    return keys
