"""A backfill in this process: recordings that need the same stages go together, at most 200 a run."""

from collections.abc import Callable, Iterator, Sequence

import dagster as dg
from sqlalchemy import Engine

from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import run_in_process
from asr_pipeline.defs.partitions import recordings
from asr_pipeline.defs.retirement import give_partitions
from asr_pipeline.domain.redo import RedoGroup

StillWanted = Callable[[Sequence[str]], Sequence[str]]


def run_groups(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    database: Engine,
    groups: Sequence[RedoGroup],
    still_wanted: StillWanted = lambda ids: ids,
) -> Iterator[list[str]]:
    """Run all groups, run by run; give the recordings of each run once it has ended.

    Before each run `still_wanted` and the unfinished runs are asked again: another backfill may have been there.
    """
    for group in groups:
        give_partitions(instance, database, group.recording_ids)
        for ids in in_runs(instance.get_dynamic_partitions(str(recordings.name)), group.recording_ids):
            under_way = unfinished(instance)
            wanted = [one for one in still_wanted(ids) if one not in under_way]
            if wanted:
                run_in_process(job, instance, wanted, group.stages)
                yield wanted


def in_runs(known: Sequence[str], wanted: Sequence[str]) -> Iterator[list[str]]:
    """Cut recordings, in the order of their partitions, so that each part is one run."""
    places = {key: place for place, key in enumerate(known)}
    ordered = sorted(wanted, key=places.__getitem__)
    for start in range(0, len(ordered), RECORDINGS_PER_RUN):
        yield ordered[start : start + RECORDINGS_PER_RUN]
