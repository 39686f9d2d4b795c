"""`asr-pipeline audit`: who changed what through the HTTP gateway, and which keys were made."""

import datetime as dt
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import output, write_json
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.text import storable

SHOWN = dt.timedelta(days=7)


def audit(
    *,
    since: Annotated[
        dt.datetime | None, typer.Option(metavar="DATE", help="From then on; the last seven days if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List changes: when, by whom, what, and how it ended; oldest first.

    Example: `asr-pipeline audit --since 2026-01-01 --json`
    """
    from asr_pipeline.storage.audit import SqlAuditLog  # noqa: PLC0415 - `--help` should not wait for SQL
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    begin = dt.datetime.now(dt.UTC) - SHOWN if since is None else since.astimezone()
    with open_storage(load_settings()) as storage:
        entries = SqlAuditLog(storage.database, storage.settings.audit_keep_days).since(begin)
    rows = [
        {name: storable(value) if isinstance(value, str) else value for name, value in asdict(entry).items()}
        | {"happened_at": entry.happened_at.isoformat(timespec="seconds")}
        for entry in entries
    ]
    if as_json:
        write_json(rows)
        return
    table = Table("when", "who", "what", "which", "from", "request", "result")
    for row in rows:
        table.add_row(*(escape(str(value or "")) for value in row.values()))
    output.print(table)
