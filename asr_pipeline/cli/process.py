"""`asr-pipeline process`: register files, run them through Dagster in this process, give the results."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asr_pipeline.cli.console import errors, output, progress_bar, write_json
from asr_pipeline.domain.errors import PipelineError, SetupError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from asr_pipeline.wiring import Pipeline

# What a folder is searched for. A file that is named on the command line is taken whatever its suffix.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".mp3", ".m4a", ".mp4", ".aac", ".ogg", ".oga", ".opus", ".webm", ".mkv", ".mka", ".wma"}
    | {".aif", ".aiff", ".au", ".caf", ".amr", ".mov", ".3gp"}
)


class Format(StrEnum):
    """What `process` can print or write for each recording."""

    TABLE = "table"
    TXT = "txt"
    JSON = "json"
    SRT = "srt"
    VTT = "vtt"
    TTML = "ttml"


@dataclass
class Outcome:
    """What became of the files: ids of recordings that are done, and (name, reason) of what failed."""

    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    audio_s: float = 0.0
    elapsed_s: float = 0.0


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
    from asr_pipeline.wiring import open_pipeline  # noqa: PLC0415

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


def audio_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Give files as they are, and of folders every audio file below, in order of name; hidden ones are left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.suffix.lower() in AUDIO_SUFFIXES and not hidden and found.is_file():
                yield found


def process_files(pipeline: "Pipeline", files: Sequence[Path], *, again: bool) -> Outcome:
    """Register files and run what is not done yet through Dagster, showing progress."""
    from asr_pipeline.definitions import build_defs  # noqa: PLC0415
    from asr_pipeline.defs.instance import add_partitions, open_instance, run_in_process  # noqa: PLC0415

    started = time.perf_counter()
    outcome = Outcome()
    with open_instance(pipeline.layout.dagster_home) as instance, progress_bar() as bar:
        names = _register(pipeline, files, outcome, bar)
        done = {row.recording.recording_id for row in pipeline.store.rows(list(names), state=RecordingState.DONE)}
        todo = [recording_id for recording_id in names if again or recording_id not in done]
        if todo:
            add_partitions(instance, todo)
            listener = BarListener(bar, len(todo))
            job = build_defs(progress=listener).resolve_job_def("process_recordings")
            run_in_process(job, instance, todo, unless_done=not again)
        for row in pipeline.store.rows(list(names)):
            if row.state is RecordingState.DONE:
                outcome.done.append(row.recording.recording_id)
                outcome.audio_s += row.duration_s or 0.0
            else:
                outcome.failed.append((names[row.recording.recording_id], row.reason or f"is {row.state}"))
    outcome.elapsed_s = time.perf_counter() - started
    return outcome


def report_failures(outcome: Outcome) -> None:
    """Name what failed, with its reason, on standard error."""
    for name, reason in outcome.failed:
        errors.print(
            f"[bold red]Failed:[/] {escape(reason if name in reason else f'{name}: {reason}')}", soft_wrap=True
        )


class BarListener:
    """Moves the progress bar: a recording counts as its stages are done. Implements `ports.FlowListener`."""

    def __init__(self, bar: "Progress", recordings: int) -> None:
        self._bar = bar
        self._task = bar.add_task("Processing", total=recordings)
        self._speech_s = 0.0

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:  # noqa: ARG002 - the port's signature
        """Tell how much speech has been recognised so far: a long recording is seen to move."""
        self._speech_s += speech_s
        self._bar.update(self._task, description=f"Processing, {self._speech_s:,.0f} s of speech recognised")

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:  # noqa: ARG002 - the port's signature
        """Count a recording after its last stage."""
        if stage is Stage.SUBTITLES:
            self._bar.advance(self._task)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:  # noqa: ARG002
        """Count it too: it won't go further."""
        self._bar.advance(self._task)


def _register(pipeline: "Pipeline", files: Sequence[Path], outcome: Outcome, bar: "Progress") -> dict[str, str]:
    """Store and register files; give the names they were called by, by recording. Failures go to the outcome."""
    names: dict[str, str] = {}
    task = bar.add_task("Registering", total=len(files))
    for file in files:
        try:
            names.setdefault(pipeline.register(file).recording_id, str(file))
        except PipelineError as error:
            if isinstance(error, SetupError):
                raise
            outcome.failed.append((str(file), str(error)))
        bar.advance(task)
    bar.remove_task(task)
    return names
