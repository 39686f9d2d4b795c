"""Dagster's instance: where it lies, how it is set up, and runs that are executed in this process."""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg

from asr_pipeline.defs.partitions import recordings
from asr_pipeline.domain.errors import PipelineError

# Tags by which a run says that it takes a contiguous range of partitions; Dagster exports no names for them.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
STEP = "recording_stages"


def instance_yaml(home: Path | str) -> str:
    """Give the text of the `dagster.yaml` of an instance whose files lie in `home`."""
    template = (files("asr_pipeline.defs") / "instance.yaml").read_text(encoding="utf-8")
    return template.replace("{home}", str(home))


def prepare_home(home: Path) -> None:
    """Write `dagster.yaml` where there is none; one that a person has changed stays."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "dagster.yaml"
    if not path.exists():
        temporary = home / f".dagster.yaml.{os.getpid()}"
        temporary.write_text(instance_yaml(home), encoding="utf-8")
        temporary.replace(path)


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance in `home`, which is made where it is missing."""
    prepare_home(home)
    with _one_at_a_time(home):  # two that make Dagster's tables at once meet an error
        instance = dg.DagsterInstance.from_config(str(home))
    with instance:
        yield instance


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (home / ".opening.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def add_partitions(instance: dg.DagsterInstance, recording_ids: Iterable[str]) -> None:
    """Make a partition of each recording; those that are there already stay as they are."""
    instance.add_dynamic_partitions(str(recordings.name), list(recording_ids))


def run_in_process(
    job: dg.JobDefinition, instance: dg.DagsterInstance, recording_ids: Sequence[str], *, unless_done: bool = False
) -> None:
    """Run a job over recordings in this process: as a range of partitions where they are one, by keys otherwise.

    `unless_done`: what another run has done by the time its turn comes is not computed again.
    Recordings that fail are in the store with their reasons; only what stops the whole run is raised.
    """
    quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
    tags, config = _partitions(instance.get_dynamic_partitions(str(recordings.name)), recording_ids)
    settings = {**config, "unless_done": unless_done}
    try:
        job.execute_in_process(
            instance=instance,
            tags=tags,
            run_config={"loggers": quiet, "ops": {STEP: {"config": settings}}},
        )
    except dg.Failure:  # how the step ends where some recordings failed
        return
    except dg.DagsterError as error:
        raise _cause(error) from error


def _partitions(known: Sequence[str], wanted: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Give (tags, config) that name the wanted ones among the known, which are in the order of their insertion."""
    places = {key: place for place, key in enumerate(known)}
    ordered = sorted(wanted, key=places.__getitem__)
    first, last = places[ordered[0]], places[ordered[-1]]
    if last - first + 1 == len(ordered):
        return {RANGE_START_TAG: ordered[0], RANGE_END_TAG: ordered[-1]}, {"keys": []}
    return {}, {"keys": ordered}


def _cause(error: BaseException) -> BaseException:
    """Give our own error from under those that Dagster wraps around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, PipelineError):
            return inner
        inner = inner.__cause__ or inner.__context__
    return error
