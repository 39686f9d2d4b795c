"""`asr-pipeline process`: register files, run them through Dagster in this process, give the results."""

import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asr_pipeline.cli.console import output, progress_bar, write_json
from asr_pipeline.cli.running import BarListener, Outcome, report_failures
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.errors import PermanentFailure, PipelineError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.searching import audio_files

if TYPE_CHECKING:
    from rich.progress import Progress

    from asr_pipeline.wiring.pipeline import Pipeline


class Format(StrEnum):
    """What `process` can print or write for each recording."""

    TABLE = "table"
    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TTML = "ttml"


def process(
    files: Annotated[list[Path], typer.Argument(help="Audio files, or folders to search for them.")],
    *,
    formats: Annotated[
        list[Format] | None, typer.Option("--format", "-f", help="What to give; may be repeated. Default: table.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to, instead of printing.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Compute anew what is done already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, for programs.")] = False,
) -> None:
    """Transcribe and translate audio files.

    The same bytes are one recording, under whatever name: what is done already is given at once.
    A bad file among good ones is named with its reason, and the exit code is 1.

    Example: `asr-pipeline process talks/ -f srt -f json --out subtitles`
    """
    from asr_pipeline.cli import rendering  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.wiring.pipeline import open_pipeline  # noqa: PLC0415

    wanted = formats or [Format.TABLE]
    if out is not None and Format.TABLE in wanted:
        wanted = [f for f in wanted if f is not Format.TABLE] or [Format.TXT, Format.JSON, Format.SRT]
    with open_pipeline(load_settings()) as pipeline:
        outcome = process_files(pipeline, list(audio_files(files)), again=again)
        if as_json:
            write_json(rendering.as_json(pipeline, outcome))
        elif out is not None:
            for path in rendering.write_files(pipeline, outcome.done, wanted, out):
                output.print(str(path), highlight=False, soft_wrap=True)
        else:
            rendering.print_results(pipeline, outcome.done, wanted)
    report_failures(outcome)
    if outcome.failed:
        raise typer.Exit(1)


def process_files(pipeline: "Pipeline", files: Sequence[Path], *, again: bool) -> Outcome:
    """Register files and run what is not done yet through Dagster, showing progress."""
    from asr_pipeline.definitions import build_defs  # noqa: PLC0415
    from asr_pipeline.defs.dead_runs import close_dead_runs, tell_interrupted  # noqa: PLC0415
    from asr_pipeline.defs.instance import open_instance, run_in_process  # noqa: PLC0415
    from asr_pipeline.defs.retirement import give_partitions  # noqa: PLC0415

    started = time.perf_counter()
    outcome = Outcome()
    with open_instance(pipeline.layout.dagster_home) as instance, progress_bar() as bar:
        close_dead_runs(instance, pipeline.store)
        names = _register(pipeline, files, outcome, bar)
        done = {row.recording.recording_id for row in pipeline.store.rows(list(names), state=RecordingState.DONE)}
        todo = [recording_id for recording_id in names if again or recording_id not in done]
        if todo:
            give_partitions(instance, pipeline.database, todo)
            listener = BarListener(bar, len(todo))
            job = build_defs(progress=listener).resolve_job_def("process_recordings")
            try:
                run_in_process(job, instance, todo, only_missing=not again)
            except KeyboardInterrupt:
                tell_interrupted(instance, pipeline.store)
                raise
        outcome.add(pipeline.store.rows(list(names)), names)
    outcome.elapsed_s = time.perf_counter() - started
    return outcome


def _register(pipeline: "Pipeline", files: Sequence[Path], outcome: Outcome, bar: "Progress") -> dict[str, str]:
    """Store and register files; give the names they were called by, by recording. Failures go to the outcome.

    The ledger knows of a file that can't be taken, and the file stays where it is.
    """
    from asr_pipeline.wiring.registering import register_all  # noqa: PLC0415 - `--help` should not wait for it

    names: dict[str, str] = {}
    task = bar.add_task("Registering", total=len(files))
    for file, found in zip(files, register_all(pipeline, files), strict=True):
        if isinstance(found, PipelineError):
            if isinstance(found, PermanentFailure):
                pipeline.note_refused(file, Way.PROCESS, found)
            outcome.failed.append((str(file), str(found)))
        else:
            names.setdefault(found.recording_id, str(file))
        bar.advance(task)
    bar.remove_task(task)
    return names
