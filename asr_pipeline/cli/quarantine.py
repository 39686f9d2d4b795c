"""`asr-pipeline quarantine list`, `retry`, `drop`: what could not be taken or processed."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import errors, output, progress_bar, write_json
from asr_pipeline.cli.running import BarListener
from asr_pipeline.domain.arrival import STAYING, Arrival, Outcome
from asr_pipeline.domain.errors import PermanentFailure, PipelineError, SetupError, StoreUnavailable
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import FlowListener
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.inbox import only_one
from asr_pipeline.storage.text import storable

if TYPE_CHECKING:
    from asr_pipeline.storage.quarantine import Reason
    from asr_pipeline.wiring.storage import Storage

app = typer.Typer(help="What could not be taken or processed: list it, try it again, give it up.", no_args_is_help=True)
LOCK_WAIT_S = 60
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Names = Annotated[
    list[str] | None, typer.Argument(metavar="ID|FILE", help="As `quarantine list` names them: by id, name or path.")
]


@app.command("list")
def list_quarantine(*, as_json: AsJson = False) -> None:
    """List refused files and quarantined recordings, each with its reason.

    Example: `asr-pipeline quarantine list --json`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - `--help` should not wait for the database

    with open_storage(load_settings()) as storage:
        found = [_described(storage, reason) for reason in storage.quarantined()]
    if as_json:
        write_json(found)
        return
    table = Table("id", "kind", "when", "reason")
    for one in found:
        table.add_row(one["entry_id"], one["kind"], one["when"], escape(one["message"]))
    output.print(table if found else "Nothing is in quarantine.")


@app.command("retry")
def retry(
    names: Names = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that is in quarantine.")] = False,
) -> None:
    """Try again: refused files are taken anew, quarantined recordings run through all stages in this process.

    Example: `asr-pipeline quarantine retry --all`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - `--help` should not wait for the database

    with open_storage(load_settings()) as storage:
        chosen = _chosen(storage.quarantined(), names or [], everything=everything)
        with ExitStack() as lock:  # until our run is known, the inbox sensor must not ask for another of the same
            lock.enter_context(_alone(storage))
            todo, failed = _taken_again(storage, chosen)
            _run(storage, list(todo), begun=lock.close)
        for row in storage.store.rows(list(todo)):
            if row.state is RecordingState.DONE:
                output.print(f"Done: {escape(todo[row.recording.recording_id])}", highlight=False, soft_wrap=True)
            else:
                failed.append(row.reason or f"{row.recording.recording_id} is {row.state}")
    for reason in failed:
        errors.print(f"[bold red]Failed:[/] {escape(storable(reason))}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command("drop")
def drop(
    names: Names = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that is in quarantine.")] = False,
) -> None:
    """Give up: it is counted as dropped, with its reason, and its file leaves the quarantine folder.

    Example: `asr-pipeline quarantine drop broken-0123456789ab`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - `--help` should not wait for the database

    with open_storage(load_settings()) as storage:
        chosen = _chosen(storage.quarantined(), names or [], everything=everything)
        for reason in chosen:
            storage.drop(reason)
            output.print(f"Dropped: {escape(reason.entry_id)}", highlight=False, soft_wrap=True)


def _chosen(reasons: Sequence["Reason"], names: Sequence[str], *, everything: bool) -> list["Reason"]:
    """Give what is meant. Raises PermanentFailure for a name that is nothing's, or several things'."""
    if bool(names) == everything:
        raise typer.BadParameter("Name what is meant, or give --all.")
    if everything:
        return list(reasons)
    chosen: dict[str, Reason] = {}
    for name in names:
        found = [reason for reason in reasons if _is_named(reason, name)]
        if len(found) != 1:
            raise PermanentFailure(
                name,
                expected="the id, the name or the path of one thing in quarantine",
                found=f"{len(found)} of that name",
                remedy="`asr-pipeline quarantine list` shows the ids.",
            )
        chosen[found[0].entry_id] = found[0]
    return list(chosen.values())


def _is_named(reason: "Reason", name: str) -> bool:
    path = os.path.abspath(name)  # noqa: PTH100 - text, of any bytes
    in_quarantine = Path(name).name == reason.file
    return name in {reason.entry_id, reason.name} or path == reason.path or in_quarantine


def _taken_again(storage: "Storage", chosen: Sequence["Reason"]) -> tuple[dict[str, str], list[str]]:
    """Give the recordings to run, with their names, and why files were refused again."""
    todo: dict[str, str] = {}
    failed: list[str] = []
    refused = {(one.path, one.size_bytes, one.mtime_ns): one for one in storage.arrivals.with_outcome(Outcome.REFUSED)}
    for reason in chosen:
        if reason.recording_id is not None:
            todo[reason.recording_id] = reason.name
            continue
        arrival = refused[reason.path, reason.size_bytes, reason.mtime_ns or 0]
        try:
            recording = storage.ingest.retry(_lying(storage, reason, arrival), arrival)
        except SetupError:
            raise
        except PipelineError as error:
            failed.append(str(error.about(reason.name)))
        else:
            todo[recording.recording_id] = reason.name
    return todo, failed


def _lying(storage: "Storage", reason: "Reason", arrival: Arrival) -> FoundFile:
    """Give a refused file as it lies now: in quarantine, or where it was found."""
    inbox = storage.inbox.folder
    path = storage.quarantine.file_of(reason.entry_id) or Path(arrival.path)
    name = Path(arrival.path)
    name = name.relative_to(inbox) if name.is_relative_to(inbox) else Path(name.name)
    is_others = arrival.way in STAYING and path == Path(arrival.path)  # links there may lead anywhere
    if is_others or not os.path.lexists(path):  # reading it says so
        return FoundFile(path, str(name), arrival.size_bytes, arrival.mtime_ns, 0.0)
    return storage.inbox.found(path, str(name))


@contextmanager
def _alone(storage: "Storage") -> Iterator[None]:
    """Keep the inbox sensor from taking files. Raises StoreUnavailable where it does not end its tick in time."""
    with only_one(storage.inbox.lock_file, wait_s=LOCK_WAIT_S) as alone:
        if not alone:
            raise StoreUnavailable(
                str(storage.inbox.folder),
                expected="an inbox that no other process takes files from now",
                found=f"one that has been busy for {LOCK_WAIT_S} s",
                remedy="Try again when the file that it takes has been copied.",
            )
        yield


def _run(storage: "Storage", recording_ids: Sequence[str], *, begun: Callable[[], None]) -> None:
    """Run recordings through Dagster in this process, those that are done already left out."""
    from asr_pipeline.definitions import build_defs  # noqa: PLC0415 - takes a second
    from asr_pipeline.defs.dead_runs import tell_interrupted  # noqa: PLC0415
    from asr_pipeline.defs.instance import add_partitions, open_instance, run_in_process  # noqa: PLC0415

    rows = storage.store.rows(recording_ids)
    todo = [row.recording.recording_id for row in rows if row.state is not RecordingState.DONE]
    if not todo:
        return
    with open_instance(storage.layout.dagster_home) as instance, progress_bar() as bar:
        add_partitions(instance, todo)
        listener = _BeginningListener(BarListener(bar, len(todo)), begun)
        job = build_defs(progress=listener).resolve_job_def("process_recordings")
        try:
            run_in_process(job, instance, todo)
        except KeyboardInterrupt:
            tell_interrupted(instance, storage.store)
            raise


class _BeginningListener:
    """Tells that a run has begun by the first thing that is done. Implements `ports.FlowListener`."""

    def __init__(self, also: FlowListener, begun: Callable[[], None]) -> None:
        self._also = also
        self._begun = begun

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Pass on."""
        self._also.speech_recognised(recording_id, speech_s)

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Tell, and pass on."""
        self._begun()
        self._also.stage_done(stage, results)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Tell, and pass on."""
        self._begun()
        self._also.recording_failed(recording_id, stage, error)


def _described(storage: "Storage", reason: "Reason") -> dict[str, Any]:
    """Give a reason for programs: names as text that JSON can hold, and where the file lies."""
    file = storage.quarantine.file_of(reason.entry_id)
    fields = {name: storable(value) if isinstance(value, str) else value for name, value in asdict(reason).items()}
    return fields | {"file": str(file) if file else None}
