"""`asr-pipeline backfill`: runs what is missing, failed, stale or wanted again, through Dagster in this process."""

import datetime as dt
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from asr_pipeline.cli.console import output, progress_bar, write_json
from asr_pipeline.cli.running import BarListener, Outcome, report_failures
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.redo import Redo, RedoGroup, grouped
from asr_pipeline.settings import load_settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from asr_pipeline.wiring.pipeline import Pipeline

INTERRUPTED = 130


class Wanted(StrEnum):
    """Which recordings a backfill takes."""

    MISSING = "missing"
    FAILED = "failed"
    STALE = "stale"
    SINCE = "since"


_STATE = {Wanted.MISSING: RecordingState.IN_PROGRESS, Wanted.FAILED: RecordingState.FAILED}


@dataclass
class Backfill:
    """What is to be done, and what became of it. `left_alone` are recordings that an unfinished run covers."""

    groups: list[RedoGroup]
    left_alone: int
    runs: int = 0
    interrupted: bool = False
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def recordings(self) -> int:
        """How many recordings are to be done."""
        return sum(len(group.recording_ids) for group in self.groups)


def backfill(
    *,
    missing: Annotated[
        bool, typer.Option("--missing", help="What was registered and is not done: the default.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="What failed for a reason that may have passed.")] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Stages whose code, models or settings changed since, and what follows.")
    ] = False,
    since: Annotated[
        dt.datetime | None, typer.Option(metavar="DATE", help="What was registered since, all stages again.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many recordings.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell how many and why; run nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Run what is missing, failed, stale, or registered since a date; 200 recordings a run.

    Recordings that a run under way covers are left alone. Ctrl-C stops; what is done stays done.

    Example: `asr-pipeline backfill --stale --dry-run`
    """
    chosen = (
        [Wanted.MISSING] * missing + [Wanted.FAILED] * failed + [Wanted.STALE] * stale + [Wanted.SINCE] * bool(since)
    )
    if len(chosen) > 1:
        raise typer.BadParameter("give one of --missing, --failed, --stale and --since")
    wanted = chosen[0] if chosen else Wanted.MISSING
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.wiring.pipeline import open_pipeline  # noqa: PLC0415

    with open_pipeline(load_settings()) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        work = plan(pipeline, instance, wanted, since, limit)
        if not dry_run:
            run(pipeline, instance, work, wanted)
    if as_json:
        write_json(_as_json(work, dry_run=dry_run))
    else:
        _print(work, dry_run=dry_run)
    finish(work)


def plan(
    pipeline: "Pipeline",
    instance: "DagsterInstance",
    wanted: Wanted,
    since: dt.datetime | None = None,
    limit: int | None = None,
) -> Backfill:
    """Find what is to be done, in groups that need the same stages."""
    from asr_pipeline.defs.backlog import unfinished  # noqa: PLC0415
    from asr_pipeline.defs.dead_runs import close_dead_runs  # noqa: PLC0415

    close_dead_runs(instance, pipeline.store)
    found = _select(pipeline, wanted, since)
    under_way = unfinished(instance)
    free = [redo for redo in found if redo.recording_id not in under_way]
    return Backfill(grouped(free[:limit]), left_alone=len(found) - len(free))


def run(pipeline: "Pipeline", instance: "DagsterInstance", work: Backfill, wanted: Wanted) -> None:
    """Run all of it, showing progress, and note what became of each recording."""
    from asr_pipeline.definitions import build_defs  # noqa: PLC0415
    from asr_pipeline.defs.backfill import run_groups  # noqa: PLC0415
    from asr_pipeline.defs.dead_runs import tell_interrupted  # noqa: PLC0415

    started = time.perf_counter()
    with progress_bar() as bar:
        job = build_defs(progress=BarListener(bar, work.recordings)).resolve_job_def("process_recordings")
        still_wanted = _still_wanted(pipeline, _STATE.get(wanted))
        try:
            for ids in run_groups(job, instance, pipeline.database, work.groups, still_wanted):
                work.runs += 1
                work.outcome.add(pipeline.store.rows(ids))
        except KeyboardInterrupt:
            work.interrupted = True
            tell_interrupted(instance, pipeline.store)
    work.outcome.elapsed_s = time.perf_counter() - started


def finish(work: Backfill) -> None:
    """Name what failed, and end with the exit code that tells of it."""
    report_failures(work.outcome)
    if work.interrupted:
        raise typer.Exit(INTERRUPTED)
    if work.outcome.failed:
        raise typer.Exit(1)


def _select(pipeline: "Pipeline", wanted: Wanted, since: dt.datetime | None) -> list[Redo]:
    from asr_pipeline.storage import selection  # noqa: PLC0415

    match wanted:
        case Wanted.FAILED:
            return selection.failed(pipeline.database)
        case Wanted.STALE:
            return pipeline.stale()
        case Wanted.SINCE if since is not None:
            return selection.since(pipeline.database, since.astimezone())
        case _:
            return selection.missing(pipeline.database)


def _still_wanted(pipeline: "Pipeline", state: RecordingState | None) -> Callable[[Sequence[str]], Sequence[str]]:
    """Give what leaves out recordings that another backfill has done meanwhile."""
    if state is None:
        return lambda ids: ids
    return lambda ids: [row.recording.recording_id for row in pipeline.store.rows(ids, state=state)]


def _print(work: Backfill, *, dry_run: bool) -> None:
    if not work.recordings:
        output.print("Nothing to do.")
    for group in work.groups if dry_run else ():
        stages = "all stages" if len(group.stages) > 4 else ", ".join(group.stages)  # noqa: PLR2004
        output.print(f"{len(group.recording_ids):,} recordings: {stages}", highlight=False)
        for reason, count in group.reasons.most_common():
            output.print(f"    {count:,}: {escape(reason)}", highlight=False, soft_wrap=True)
    if work.left_alone:
        output.print(f"{work.left_alone:,} recordings are left alone: runs under way cover them.", highlight=False)
    if work.interrupted:
        output.print("Interrupted. The same command goes on.")
    if work.runs:
        outcome = work.outcome
        output.print(
            f"{len(outcome.done):,} done, {len(outcome.failed):,} failed; {work.runs:,} runs, "
            f"{outcome.audio_s:,.1f} s of audio in {outcome.elapsed_s:,.1f} s.",
            highlight=False,
        )


def _as_json(work: Backfill, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "recordings": work.recordings,
        "left_alone": work.left_alone,
        "groups": [
            {"stages": list(group.stages), "recordings": len(group.recording_ids), "reasons": dict(group.reasons)}
            for group in work.groups
        ],
        "runs": work.runs,
        "interrupted": work.interrupted,
        "done": len(work.outcome.done),
        "failed": [{"name": name, "reason": reason} for name, reason in work.outcome.failed],
        "elapsed_s": round(work.outcome.elapsed_s, 3),
    }
