"""`asr-pipeline report`: how the house stands, as the nightly report has it."""

import datetime as dt
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from asr_pipeline.cli.console import output, rate, write_json
from asr_pipeline.settings import load_settings


def report(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """Tell how the house stands: recordings by state, hours, confidence and word error rate by day, failures, disk.

    Example: `asr-pipeline report --json`
    """
    from asr_pipeline.storage.report import make_report  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage:
        made = make_report(storage.database, storage.layout, dt.datetime.now(dt.UTC))
    if as_json:
        write_json(asdict(made) | {"days": [asdict(day) | {"date": day.date.isoformat()} for day in made.days]})
        return
    for state, count in made.states.items():
        output.print(f"{state:>12}  {count:,}", highlight=False)
    output.print(f"{'audio':>12}  {made.audio_s / 3600:,.2f} h", highlight=False)
    for kind, count in made.failures.items():
        output.print(f"{'failure':>12}  {count:,} {kind}", highlight=False)
    if made.days:
        table = Table("day (UTC)", "recordings", "audio h", "words", "confidence", "WER")
        for day in made.days:
            table.add_row(
                str(day.date),
                f"{day.recordings:,}",
                f"{day.audio_s / 3600:.2f}",
                f"{day.words:,}",
                "–" if day.mean_confidence is None else f"{day.mean_confidence:.3f}",  # noqa: RUF001 - a dash
                rate(day.word_error_rate),
            )
        output.print(table)
    for place, size_bytes in made.disk_bytes.items():
        output.print(f"{place:>12}  {size_bytes / 2**30:.2f} GiB", highlight=False)
    output.print(f"{'free':>12}  {made.free_bytes / 2**30:.1f} GiB", highlight=False)
