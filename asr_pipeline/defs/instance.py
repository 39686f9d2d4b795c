"""Dagster's instance: where it lies, how it is set up, and runs that are executed in this process."""

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import dagster as dg
import yaml  # type: ignore[import-untyped]  # Dagster brings it; to name its errors
from dagster._core.instance.ref import InstanceRef
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from asr_pipeline.defs.own_process import tags_of_our_runs
from asr_pipeline.defs.partitions import recordings
from asr_pipeline.domain.errors import PipelineError, SettingInvalid
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import address_of
from asr_pipeline.storage.faults import database_errors

# Tags by which a run says that it takes a contiguous range of partitions; Dagster exports no names for them.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
STEP = "recording_stages"
CAPTURES_NOTHING = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}
# What `dagster.yaml` was before, by the start of its SHA-256: without this storage, or naming it otherwise.
WRITTEN_BEFORE = frozenset(
    {
        "13d66cd49e49adc8",
        "f55dbc7dc2ce2d85",
        "559bfed71bb00831",
        "0917fea71ea2be90",
        "93f55dcdc1864ff4",
        "ff8e6fad9c562989",
    }
)
HOME_VARIABLE = "DAGSTER_HOME"
BATCH_VARIABLE = "DAGSTER_EVENT_BATCH_SIZE"
PLANNED_AT_ONCE = 1000  # what a run plans is written so many events at once, where Dagster would write each by itself
LOCATION = "asr_pipeline"  # the code location's name in workspace.yaml and pyproject.toml
REPOSITORY_TAG = ".dagster/repository"  # by it the UI shows a run at its job


def prepare_home(home: Path) -> None:
    """Write `dagster.yaml` where there is none, or one as it was written before; one that a person has changed stays.

    It names no folder: the instance lies beside it, wherever the data folder is moved to.
    """
    home.mkdir(parents=True, exist_ok=True)
    path = home / "dagster.yaml"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest()[:16] in WRITTEN_BEFORE:
        temporary = home / f".dagster.yaml.{os.getpid()}"
        temporary.write_bytes((files("asr_pipeline.defs") / "instance.yaml").read_bytes())
        temporary.replace(path)


@contextmanager
def open_instance(home: Path, *, capture_output: bool = True) -> Iterator[dg.DagsterInstance]:
    """Open the instance in `home`, which is made where it is missing.

    `capture_output`: what this process writes while a step runs goes into the step's log, as Dagster would have it. A
    server that does other work meanwhile wants its own output.
    Raises StoreUnavailable, StorageFull where its database is away or full, also of what is done with it.
    """
    prepare_home(home)
    with _named(home), database_errors(_database(home)), _opened(home, capture_output=capture_output) as instance:
        yield instance


@contextmanager
def dagster_errors(instance: dg.DagsterInstance) -> Iterator[None]:
    """Raise StoreUnavailable, StorageFull where Dagster's database is away, locked or full."""
    with database_errors(_database(Path(instance.root_directory))):
        yield


def keeps_in_postgresql(instance: dg.DagsterInstance) -> bool:
    """Tell whether an instance's storage is in PostgreSQL: a `dagster.yaml` of a person may have another."""
    return hasattr(instance.event_log_storage, "postgres_url")


def _database(home: Path) -> URL | Path:
    """Give what to call Dagster's database in an error."""
    settings = load_settings()
    return address_of(settings.sqlalchemy_url) if settings.uses_postgresql else home


def _opened(home: Path, *, capture_output: bool) -> dg.DagsterInstance:
    try:
        with _one_at_a_time(home):  # two that make Dagster's tables at once meet an error
            reference = InstanceRef.from_dir(str(home), overrides=None if capture_output else CAPTURES_NOTHING)
            return dg.DagsterInstance.from_ref(reference)
    except (dg.DagsterInvalidConfigError, yaml.YAMLError) as error:
        raise SettingInvalid(
            str(home / "dagster.yaml"),
            expected="the settings of a Dagster instance",
            found=" ".join(str(error).split())[:300],
            remedy="Mend it, or remove it: a new one is written.",
        ) from error


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (home / ".opening.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _named(home: Path) -> Iterator[None]:
    """Set what Dagster reads from the environment, in its own processes too."""
    wanted = dagster_environment(home)
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def dagster_environment(home: Path) -> dict[str, str]:
    """Give the variables that Dagster's processes need: `dagster.yaml` finds its storage by the first."""
    return {HOME_VARIABLE: str(home), BATCH_VARIABLE: os.environ.get(BATCH_VARIABLE, str(PLANNED_AT_ONCE))}


def add_partitions(instance: dg.DagsterInstance, recording_ids: Iterable[str]) -> None:
    """Make a partition of each recording; those that are there already stay as they are."""
    instance.add_dynamic_partitions(str(recordings.name), list(recording_ids))


def run_in_process(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    recording_ids: Sequence[str],
    stages: Sequence[Stage] | None = None,
    *,
    only_missing: bool = False,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Run a job over recordings in this process: as a range of partitions where they are one, by keys otherwise.

    `stages` are those of the job's to do, all if None. `only_missing`: what is done by the time its turn comes stays.
    Recordings that fail are in the store with their reasons; only what stops the whole run is raised.
    Raises KeyboardInterrupt after Ctrl-C: what was committed until then stays, and the run is shown as canceled.
    """
    range_tags, config = partitions_of_run(instance.get_dynamic_partitions(str(recordings.name)), recording_ids)
    as_range = RANGE_START_TAG in range_tags
    if stages is not None and not as_range:  # why not as a selection: `assets.StagesConfig`
        config["stages"] = [stage.value for stage in stages]
    selection = [dg.AssetKey(stage.value) for stage in stages] if stages is not None and as_range else None
    all_tags = {**(tags or {}), **range_tags}
    execute(job, instance, all_tags, {STEP: {"config": {**config, "only_missing": only_missing}}}, selection)


def execute(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    tags: Mapping[str, str],
    config_of_steps: Mapping[str, object],
    asset_selection: Sequence[dg.AssetKey] | None = None,
) -> None:
    """Run a job in this process. A step that ends by naming what failed is no error; what stops the run is raised."""
    run_id = str(uuid.uuid4())
    log_level = "CRITICAL" if load_settings().log_format == "plain" else "INFO"  # what people see here is no log
    quiet = {"console": {"config": {"log_level": log_level}}}
    try:
        job.execute_in_process(
            instance=instance,
            run_id=run_id,
            tags={**tags, **tags_of_our_runs(), REPOSITORY_TAG: f"__repository__@{LOCATION}"},
            run_config={"loggers": quiet, "ops": config_of_steps},
            asset_selection=asset_selection,
        )
    except dg.Failure:  # how the step ends where some recordings failed
        return
    except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt) as error:  # Dagster makes one of the other
        _close_interrupted(instance, run_id)
        raise KeyboardInterrupt from error
    except dg.DagsterError as error:
        raise _cause(error) from error


def _close_interrupted(instance: dg.DagsterInstance, run_id: str) -> None:
    """Close a run as canceled where Ctrl-C met it outside its step, which would have seen to it."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status not in {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS}:
        instance.report_run_canceled(run, message="Ctrl-C: the run has ended.")


def partitions_of_run(known: Sequence[str], wanted: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Give (tags, config) that name the wanted ones among the known, which are in the order of their insertion."""
    places = {key: place for place, key in enumerate(known)}
    ordered = sorted(wanted, key=places.__getitem__)
    first, last = places[ordered[0]], places[ordered[-1]]
    if last - first + 1 == len(ordered):
        return {RANGE_START_TAG: ordered[0], RANGE_END_TAG: ordered[-1]}, {"keys": []}
    return {}, {"keys": ordered}


def _cause(error: BaseException) -> BaseException:
    """Give our own error, or that of Dagster's database, from under those that Dagster wraps around it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, (PipelineError, DBAPIError)):
            return inner
        inner = inner.__cause__ or inner.__context__
    return error
