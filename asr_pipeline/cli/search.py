"""`asr-pipeline search`: where something was said."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from asr_pipeline.cli.console import output, write_json
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable

if TYPE_CHECKING:
    from asr_pipeline.storage.search import Hit


def search_texts(
    words: Annotated[list[str], typer.Argument(metavar="WORDS", help="All of them must be there.")],
    *,
    lang: Annotated[str | None, typer.Option(metavar="CODE", help="Only in this language: en, fa, …")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most places to name.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Find where something was said, in all transcripts and translations, newest recording first.

    Example: `asr-pipeline search train station --lang en`
    """
    from asr_pipeline.storage.search import search  # noqa: PLC0415 - `--help` should not wait for SQL
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage:
        hits, following = search(storage.database, " ".join(words), limit, language=lang)
    if as_json:
        write_json([_described(hit) for hit in hits])
        return
    table = Table(Column("recording", no_wrap=True), "at", "language", "text")
    for hit in hits:
        text = Text(hit.snippet.text)
        for first, end in hit.snippet.marks:
            text.stylize("bold reverse", first, end)
        table.add_row(hit.recording_id, f"{hit.start_s:.1f} s", hit.language, text)
    output.print(table if hits else "Nothing was said like that.")
    if following is not None:
        output.print("There is more: --limit shows it.")


def _described(hit: "Hit") -> dict[str, object]:
    return {
        "recording_id": hit.recording_id,
        "name": storable(hit.name),
        "utterance_index": hit.utterance_index,
        "language": hit.language,
        "start_s": hit.start_s,
        "end_s": hit.end_s,
        "snippet": hit.snippet.text,
        "marks": hit.snippet.marks,
    }
