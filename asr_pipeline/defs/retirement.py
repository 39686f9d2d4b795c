"""Taking done recordings' partitions out of Dagster, and giving them back.

What stays: everything in SQL, all files, and Dagster's events of these recordings (it can't wipe those of single
partitions). In either order of a crash SQL says "retired" too early rather than too late: retiring again goes on, and
whoever asks for a retired recording gives it its partition.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import dagster as dg
from sqlalchemy import Engine

from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import add_partitions
from asr_pipeline.defs.partitions import recordings
from asr_pipeline.storage.retirement import mark_back, mark_retired, retirable

BATCH = 500


def to_retire(instance: dg.DagsterInstance, database: Engine, before: dt.datetime) -> list[str]:
    """Give partitions of recordings that were done before a moment, and that no unfinished run covers."""
    partitions = instance.get_dynamic_partitions(str(recordings.name))
    under_way = unfinished(instance)
    return [one for one in retirable(database, partitions, before) if one not in under_way]


def retire(
    instance: dg.DagsterInstance, database: Engine, recording_ids: Sequence[str], retired: Callable[[int], None]
) -> None:
    """Retire recordings; `retired` hears of each batch. Dagster deletes partitions one at a time, about 5 ms each."""
    for batch in _batches(recording_ids):
        mark_retired(database, batch)
        for recording_id in batch:
            instance.delete_dynamic_partition(str(recordings.name), recording_id)
        retired(len(batch))


def give_partitions(instance: dg.DagsterInstance, database: Engine, recording_ids: Sequence[str]) -> None:
    """Make a partition of each recording that is to be run; one that was retired is back then."""
    for batch in _batches(recording_ids):
        add_partitions(instance, batch)
        mark_back(database, batch)


def _batches(recording_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(recording_ids), BATCH):
        yield recording_ids[start : start + BATCH]
