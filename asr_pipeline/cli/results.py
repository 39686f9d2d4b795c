"""`asr-pipeline list`, `show`, `status`, `export`: what is known of recordings that were registered."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from asr_pipeline.cli.console import errors, output, write_json
from asr_pipeline.cli.process import Format
from asr_pipeline.domain.errors import PermanentFailure, SetupError
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.ports import RecordingRow
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable

if TYPE_CHECKING:
    from asr_pipeline.wiring.storage import Storage

FIRST_LINES = 3
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class TableFormat(StrEnum):
    """What a table can be exported as."""

    PARQUET = "parquet"
    CSV = "csv"


def list_recordings(
    *,
    state: Annotated[RecordingState | None, typer.Option(help="Only those in this state.")] = None,
    as_json: AsJson = False,
) -> None:
    """List recordings with their state and the first lines of their English and Persian.

    Example: `asr-pipeline list --state done --json`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - `--help` should not wait for engines

    with open_storage(load_settings()) as storage:
        rows = [_described(storage, row) for row in storage.store.rows(state=state)]
    if as_json:
        write_json(rows)
        return
    whole = Column("recording", no_wrap=True)  # `show` asks for the whole id
    table = Table(whole, "state", "length", "words", "confidence", "first lines")
    for row in rows:
        confidence = row["mean_confidence"]
        table.add_row(
            row["recording_id"],
            row["state"],
            "" if row["duration_s"] is None else f"{row['duration_s']:.1f} s",
            "" if row["word_count"] is None else str(row["word_count"]),
            "" if confidence is None else f"{confidence:.2f}",
            escape(row["reason"] or "\n".join(line for lines in row["first_lines"].values() for line in lines[:1])),
        )
    output.print(table if rows else "No recordings yet: `asr-pipeline process FILE …`")


def show(
    recording_id: Annotated[str, typer.Argument(metavar="ID", help="A recording, as `list` names it.")],
    *,
    formats: Annotated[list[Format] | None, typer.Option("--format", "-f", help="What to print.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one recording: its words with times, its translations, the other files that had the same bytes.

    Example: `asr-pipeline show phrases-1-0123456789ab -f srt`
    """
    from asr_pipeline.cli import rendering  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.storage.documents import transcript_json  # noqa: PLC0415
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage:
        row = next(iter(storage.store.rows([recording_id])), None)
        if row is None:
            raise PermanentFailure(
                recording_id,
                expected="a recording that was registered",
                found="none of that id",
                remedy="`asr-pipeline list` names them.",
            )
        if row.failed_stage is not None:
            errors.print(f"[bold red]{row.state}[/] at {row.failed_stage}: {escape(row.reason or '')}", soft_wrap=True)
            if not row.word_count:
                raise typer.Exit(1)
        others = _other_files(storage, recording_id)
        if as_json:
            write_json(transcript_json(storage.store, recording_id) | {"also_came_as": others})
            return
        wanted = formats or [Format.TABLE]
        rendering.print_results(storage, [recording_id], wanted)
        if Format.TABLE in wanted:
            for path in others:
                output.print(f"Also came as {path}", markup=False, highlight=False, soft_wrap=True)


def status(*, as_json: AsJson = False) -> None:
    """Count recordings by state.

    Example: `asr-pipeline status --json`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - `--help` should not wait for engines

    with open_storage(load_settings()) as storage:
        counts = {state.value: count for state, count in storage.store.count_by_state().items()}
    if as_json:
        write_json(counts)
        return
    for state, count in counts.items():
        output.print(f"{state:>12}  {count:,}", highlight=False)


def export(
    table: Annotated[str, typer.Argument(help="A table of the database: recordings, utterances, words, …")],
    out: Annotated[Path, typer.Argument(help="File to write.")],
    *,
    table_format: Annotated[
        TableFormat | None, typer.Option("--format", "-f", help="Default: by the file's suffix.")
    ] = None,
) -> None:
    """Export a table for pandas, a spreadsheet or a data lake.

    Example: `asr-pipeline export words words.parquet`
    """
    from asr_pipeline.storage.export import export_table  # noqa: PLC0415 - pandas takes a second to import
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    wanted = table_format or _format_of(out)
    with open_storage(load_settings()) as storage:
        rows = export_table(storage.database, table, out, wanted.value)
    output.print(f"{rows:,} rows in {escape(str(out))}", highlight=False, soft_wrap=True)


def _format_of(file: Path) -> TableFormat:
    try:
        return TableFormat(file.suffix.lower().removeprefix("."))
    except ValueError:
        raise SetupError(
            str(file),
            expected=f"a name that ends with {' or '.join(f'.{known}' for known in TableFormat)}",
            found=f"{file.suffix!r}",
            remedy="Give such a name, or say --format.",
        ) from None


def _other_files(storage: "Storage", recording_id: str) -> list[str]:
    """Give where the files lay that came after the first and had the same bytes, as text that can be printed."""
    paths = list(dict.fromkeys(arrival.path for arrival in storage.arrivals.of_recording(recording_id)))
    return [storable(path) for path in paths[1:]]


def _described(storage: "Storage", row: RecordingRow) -> dict[str, Any]:
    """Give a recording's row with the first lines of its text, by language."""
    recording_id = row.recording.recording_id
    transcript = storage.store.transcript(recording_id) if row.word_count else None
    lines: dict[str, list[str]] = {}
    if transcript is not None:
        lines["en"] = [utterance.sentence for utterance in transcript.utterances[:FIRST_LINES]]
        for translated in storage.store.translations(recording_id):
            lines[translated.language] = [t.text for t in translated.translations[:FIRST_LINES]]
    return {
        "recording_id": recording_id,
        "name": storable(row.recording.name),
        "state": row.state.value,
        "failed_stage": row.failed_stage and row.failed_stage.value,
        "reason": row.reason,
        "duration_s": row.duration_s,
        "word_count": row.word_count,
        "mean_confidence": row.mean_confidence,
        "first_lines": lines,
    }
