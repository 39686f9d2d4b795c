"""Whether Dagster and SQL tell the same: a materialization for each committed stage, a partition for each recording.

SQL is written first, Dagster is told next. So what Dagster knew before SQL was read must be in SQL, and what SQL had
must be known to Dagster afterwards, except of runs that are at work this moment.
"""

import datetime as dt
from collections.abc import Callable, Generator, Iterator, Sequence

import dagster as dg
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.defs.instance import add_partitions
from asr_pipeline.defs.own_process import UNFINISHED
from asr_pipeline.defs.partitions import recordings as partitions
from asr_pipeline.defs.telling import tell
from asr_pipeline.domain.ledger import Finding, FindingKind
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RecordStore
from asr_pipeline.storage.committed import Committed, committed, registered
from asr_pipeline.storage.database import reading

LAG = dt.timedelta(hours=1)  # what is registered, or committed by a run at work, may be told to Dagster that late
REPAIR = "`asr-pipeline verify --repair` mends it."


def compare(instance: dg.DagsterInstance, engine: Engine, *, at_work: bool = True) -> Iterator[Finding]:
    """Give where Dagster and SQL differ. `at_work`: leave out what runs of this moment may still tell Dagster."""
    roots = _roots_at_work(instance) if at_work else set()
    before = {stage: _materialized(instance, stage) for stage in Stage}
    known = set(instance.get_dynamic_partitions(str(partitions.name)))
    untold: dict[Stage, list[Committed]] = {}
    with reading(engine) as connection:
        for stage in Stage:
            untold[stage] = yield from _unknown_and_untold(connection, stage, before[stage])
        unpartitioned = yield from _unknown_partitions(connection, known, at_work=at_work)
    roots |= _roots_at_work(instance) if at_work else set()
    for stage, candidates in untold.items():
        yield from _missing(instance, stage, candidates, roots)
    if unpartitioned:
        now_known = set(instance.get_dynamic_partitions(str(partitions.name)))
        for recording_id in unpartitioned:
            if recording_id not in now_known:
                yield Finding(
                    FindingKind.PARTITION_MISSING, recording_id, "it is registered, and has no partition", REPAIR
                )


def repair(
    instance: dg.DagsterInstance, store: RecordStore, findings: Sequence[Finding], advance: Callable[[], None]
) -> None:
    """Tell Dagster what SQL has and it lacks: materializations, without a run, and partitions."""
    unpartitioned = [one.subject for one in findings if one.kind is FindingKind.PARTITION_MISSING]
    if unpartitioned:
        add_partitions(instance, unpartitioned)
    untold: dict[str, list[Stage]] = {}
    for finding in findings:
        if finding.kind is FindingKind.MATERIALIZATION_MISSING and finding.stage is not None:
            untold.setdefault(finding.subject, []).append(Stage(finding.stage))
    for recording_id, stages in untold.items():
        tell(instance, store, recording_id, stages)
        advance()


def fail_runs_at_work(instance: dg.DagsterInstance, message: str) -> int:
    """Fail the runs that were at work when an instance was copied: nobody works on them here. Gives their number."""
    runs = instance.get_runs(dg.RunsFilter(statuses=[one for one in UNFINISHED if one != dg.DagsterRunStatus.QUEUED]))
    for run in runs:
        instance.report_run_failed(run, message)
    return len(runs)


def _unknown_and_untold(
    connection: Connection, stage: Stage, materialized: set[str]
) -> Generator[Finding, None, list[Committed]]:
    """Give what Dagster knew and SQL does not; return what SQL has and Dagster did not know."""
    unknown = set(materialized)
    untold = []
    for one in committed(connection, stage):
        unknown.discard(one.recording_id)
        if one.recording_id not in materialized and not one.retired:
            untold.append(one)
    for recording_id in sorted(unknown):
        yield Finding(
            FindingKind.MATERIALIZATION_UNKNOWN,
            recording_id,
            f"Dagster has {stage} of it, which SQL has not committed",
            "Restore the database from a backup, or process the file again.",
            stage.value,
        )
    return untold


def _unknown_partitions(
    connection: Connection, known: set[str], *, at_work: bool
) -> Generator[Finding, None, list[str]]:
    """Give partitions without a recording; return recordings that had no partition."""
    now = dt.datetime.now(dt.UTC)
    unknown = set(known)
    unpartitioned = []
    for one in registered(connection):
        unknown.discard(one.recording_id)
        late = not (at_work and one.in_progress) or abs(now - one.registered_at) > LAG
        if one.recording_id not in known and not one.retired and late:
            unpartitioned.append(one.recording_id)
    for recording_id in sorted(unknown):
        yield Finding(
            FindingKind.PARTITION_UNKNOWN,
            recording_id,
            "a partition of this key, and no recording",
            "Register its file with `asr-pipeline process FILE`, or delete the partition.",
        )
    return unpartitioned


def _missing(
    instance: dg.DagsterInstance, stage: Stage, candidates: Sequence[Committed], roots_at_work: set[str]
) -> Iterator[Finding]:
    if not candidates:
        return
    told = _materialized(instance, stage)
    now = dt.datetime.now(dt.UTC)
    for one in candidates:
        soon = one.root_run_id in roots_at_work and abs(now - one.committed_at) < LAG
        if one.recording_id not in told and not soon:
            yield Finding(
                FindingKind.MATERIALIZATION_MISSING,
                one.recording_id,
                f"SQL has committed {stage}, which Dagster was never told",
                REPAIR,
                stage.value,
            )


def _materialized(instance: dg.DagsterInstance, stage: Stage) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey(stage.value))


def _roots_at_work(instance: dg.DagsterInstance) -> set[str]:
    return {run.root_run_id or run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))}
