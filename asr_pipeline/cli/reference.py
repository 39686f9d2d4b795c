"""`asr-pipeline reference`: what was really said, to measure word error rates on one's own recordings."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from asr_pipeline.cli.console import output, rate, write_json
from asr_pipeline.domain.errors import PermanentFailure
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable

if TYPE_CHECKING:
    from asr_pipeline.storage.references import Reference

app = typer.Typer(
    help="What was really said in recordings: their word error rates are measured by it.", no_args_is_help=True
)
Recording = Annotated[str, typer.Argument(metavar="ID", help="A recording, as `list` names it.")]


@app.command("set")
def set_reference(
    recording_id: Recording,
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help="The spoken words as UTF-8 text; - reads them.")],
) -> None:
    """Note what was said in a recording, in place of what was noted before.

    Case and punctuation don't count; numbers are to be written as they are spoken.

    Example: `asr-pipeline reference set phrases-1-0123456789ab words.txt`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - `--help` should not wait for the database

    text = _text(file)
    with open_storage(load_settings()) as storage:
        try:
            storage.references.put(recording_id, text)
        except KeyError:
            raise PermanentFailure(
                recording_id,
                expected="a recording that was registered",
                found="none of that id",
                remedy="`asr-pipeline list` names them.",
            ) from None
        one = storage.references.measured_one(recording_id)
    if one is not None:
        measured = "not recognised yet" if one.errors is None else f"word error rate {rate(one.errors.rate)}"
        output.print(f"{one.words:,} words; {measured}", highlight=False)


@app.command("list")
def list_references(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False
) -> None:
    """List recordings that have a reference text, each with its word error rate.

    Example: `asr-pipeline reference list --json`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - as above

    with open_storage(load_settings()) as storage:
        found = storage.references.measured()
    if as_json:
        write_json([_described(one) for one in found])
        return
    whole = Column("recording", no_wrap=True)  # other commands ask for the whole id
    table = Table(whole, "words", "substituted", "deleted", "inserted", "WER")
    for one in found:
        errors = one.errors
        kinds = ("",) * 3 if errors is None else (errors.substitutions, errors.deletions, errors.insertions)
        table.add_row(
            escape(one.recording_id), f"{one.words:,}", *map(str, kinds), rate(None if errors is None else errors.rate)
        )
    output.print(table if found else "No reference texts yet: `asr-pipeline reference set ID FILE`")


@app.command("remove")
def remove(recording_id: Recording) -> None:
    """Forget the reference text of a recording.

    Example: `asr-pipeline reference remove phrases-1-0123456789ab`
    """
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415 - as above

    with open_storage(load_settings()) as storage:
        if not storage.references.remove(recording_id):
            raise PermanentFailure(
                recording_id,
                expected="a recording that has a reference text",
                found="none of that id",
                remedy="`asr-pipeline reference list` names them.",
            )
    output.print(f"{escape(recording_id)} has no reference text any more", highlight=False, soft_wrap=True)


def _text(file: Path) -> str:
    try:
        return (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        found = (error.strerror or str(error)) if isinstance(error, OSError) else f"other bytes at {error.start:,}"
        raise PermanentFailure(
            str(file), expected="a text file in UTF-8", found=found, remedy="Check the path, or save it as UTF-8."
        ) from error


def _described(one: "Reference") -> dict[str, Any]:
    errors = one.errors
    return {
        "recording_id": one.recording_id,
        "name": storable(one.name),
        "words": one.words,
        "noted_at": one.noted_at.isoformat(),
        "recognised_at": one.recognised_at and one.recognised_at.isoformat(),
        "substitutions": errors and errors.substitutions,
        "deletions": errors and errors.deletions,
        "insertions": errors and errors.insertions,
        "word_error_rate": errors and errors.rate,
    }
