"""`asr-pipeline import`: registers an archive, copied, linked or in place."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from asr_pipeline.cli import backfill
from asr_pipeline.cli.console import errors, output, write_json
from asr_pipeline.domain.errors import PipelineError, UnreadableAudio
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.searching import files_below

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from asr_pipeline.storage.importing import ImportReport
    from asr_pipeline.wiring.pipeline import Pipeline

NEXT = """
Backfill them:   asr-pipeline backfill
or in the UI:    asr-pipeline up, then Assets → subtitles → Materialize → all missing partitions"""


def import_archive(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to search, with its sub-folders.")],
    *,
    glob: Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="Take what matches, by name or path below DIR, whatever its suffix."),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Copy nothing: the files stay where they are, and must.")
    ] = False,
    link: Annotated[bool, typer.Option("--link", help="Hard links, not copies: on one file system.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Run the backfill of all that is missing at once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Register an archive of any size; nothing is transcribed before a backfill.

    Goes on where it was interrupted. Files that can't be read are named with their reasons, and the exit code is 1.

    Example: `asr-pipeline import /mnt/archive --in-place --run`
    """
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.storage.importing import Keeping  # noqa: PLC0415
    from asr_pipeline.wiring.pipeline import open_pipeline  # noqa: PLC0415

    if in_place and link:
        raise typer.BadParameter("give --in-place or --link, not both")
    keeping = Keeping.IN_PLACE if in_place else Keeping.LINK if link else Keeping.COPY
    if not folder.is_dir():
        raise UnreadableAudio(
            str(folder), expected="a folder", found="none of that name", remedy="Give the archive's folder."
        )
    started = time.perf_counter()
    with open_pipeline(load_settings()) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        with _bars() as bar:
            listener = _Listener(bar, instance)
            files = _found(folder.absolute(), glob, listener)
            report = pipeline.importer(keeping).run(files, listener)
        elapsed_s = time.perf_counter() - started
        failed = len(listener.failures)
        work = _backfill(pipeline, instance) if run else None
    if as_json:
        write_json(_as_json(report, listener.failures, elapsed_s))
    else:
        _print(report, failed, elapsed_s)
        output.print(NEXT if work is None else f"{len(work.outcome.done):,} done.", highlight=False, soft_wrap=True)
    if work is not None:
        backfill.finish(work)
    if failed:
        raise typer.Exit(1)


def _backfill(pipeline: "Pipeline", instance: "DagsterInstance") -> backfill.Backfill:
    work = backfill.plan(pipeline, instance, backfill.Wanted.MISSING)
    backfill.run(pipeline, instance, work, backfill.Wanted.MISSING)
    return work


def _found(folder: Path, glob: str | None, listener: "_Listener") -> Iterator[Path]:
    """Give the files to register; where the bar is seen, they are counted first, so that it has an end."""
    if errors.is_terminal:
        for path in files_below(folder, glob, unsearched=lambda _: None):  # told below
            listener.found(path)
    return files_below(folder, glob, unsearched=lambda error: listener.file_failed(error.subject, error))


class _Listener:
    """Moves the bars, names what fails, and makes the partitions. Implements `storage.importing.ImportListener`."""

    def __init__(self, bar: Progress, instance: "DagsterInstance") -> None:
        self._bar, self._instance = bar, instance
        self._files = bar.add_task("Registering, files", total=0, counts="files")
        self._bytes = bar.add_task("Registering, bytes", total=0, counts="bytes")
        self._found_files = self._found_bytes = 0
        self.failures: list[tuple[str, str]] = []

    def found(self, path: Path) -> None:
        """Count a file before the work begins."""
        self._found_files += 1
        self._found_bytes += path.stat().st_size if path.exists() else 0
        self._bar.update(self._files, total=self._found_files)
        self._bar.update(self._bytes, total=self._found_bytes)

    def file_done(self, size_bytes: int) -> None:
        """Count a file."""
        self._bar.advance(self._files)
        self._bar.advance(self._bytes, size_bytes)

    def file_failed(self, path: str, error: PipelineError) -> None:
        """Name a file that was not registered."""
        self.failures.append((path, str(error)))
        errors.print(f"[bold red]Not registered:[/] {escape(str(error))}", soft_wrap=True)

    def registered(self, recording_ids: Sequence[str]) -> None:
        """Make the partitions of a batch."""
        from asr_pipeline.defs.instance import add_partitions  # noqa: PLC0415

        add_partitions(self._instance, recording_ids)


class _CountColumn(MofNCompleteColumn):
    """Files as they are, bytes with their unit."""

    _bytes = DownloadColumn(binary_units=True)

    def render(self, task: Any) -> Any:  # noqa: ANN401 - rich's types
        """Give the text."""
        return self._bytes.render(task) if task.fields.get("counts") == "bytes" else super().render(task)


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        _CountColumn(),
        TimeElapsedColumn(),
        console=errors,
        disable=not errors.is_terminal,
        transient=True,
    )


def _print(report: "ImportReport", failed: int, elapsed_s: float) -> None:
    output.print(
        f"{report.new:,} registered, {report.size_bytes / 1e6:,.1f} MB read in {elapsed_s:,.1f} s; "
        f"{report.known:,} known from before, {report.duplicates:,} with the bytes of another, {failed:,} refused.",
        highlight=False,
        soft_wrap=True,
    )


def _as_json(report: "ImportReport", failures: Sequence[tuple[str, str]], elapsed_s: float) -> dict[str, Any]:
    return {
        "registered": report.new,
        "known": report.known,
        "duplicates": report.duplicates,
        "size_bytes": report.size_bytes,
        "failed": [{"path": path, "reason": reason} for path, reason in failures],
        "elapsed_s": round(elapsed_s, 3),
    }
