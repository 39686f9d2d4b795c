"""`asr-pipeline migrate-to-postgres`: an embedded installation moves to PostgreSQL, proven by counts and `verify`."""

import json
import os
import subprocess
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import output, program, progress_bar, write_json
from asr_pipeline.settings import ENVIRONMENT_PREFIX, load_settings

VARIABLE = f"{ENVIRONMENT_PREFIX}DATABASE_URL"
STANDARD_INPUT = "-"


def migrate_to_postgres(
    url: Annotated[str, typer.Argument(help="Address of an empty database, or `-`: it is read from standard input.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Copy the database in the data folder and Dagster's storage into PostgreSQL, all or nothing, and prove it.

    Stop everything first. The SQLite files stay as they are. What is typed as an argument, others on this machine can
    see: give an address with a password through standard input.

    Example: `asr-pipeline migrate-to-postgres postgresql://asr@db.example/asr`
    """
    from asr_pipeline.defs.to_postgres import move_to_postgres  # noqa: PLC0415 - `--help` should not wait for Dagster
    from asr_pipeline.storage.database import address_of  # noqa: PLC0415
    from asr_pipeline.storage.faults import masked  # noqa: PLC0415

    address = sys.stdin.readline().strip() if url == STANDARD_INPUT else url
    with progress_bar() as bar:
        task = bar.add_task("Moving rows", total=None)
        rows = move_to_postgres(
            load_settings(),
            address,
            begin=lambda total: bar.update(task, total=total),
            advance=lambda count: bar.advance(task, count),
        )
    verified = _verify(address)
    if as_json:
        write_json({"rows": rows, "verify": verified})
    else:
        _print_rows(rows)
        lost = "Nothing is lost." if _is_well(verified) else f"`{program()} verify` tells what is wrong."
        output.print(lost, highlight=False)
        typed = masked(address_of(address)).replace("postgresql+psycopg2:", "postgresql:", 1)
        output.print("Set this from now on, for everything, and start again:", highlight=False)
        output.print(f"    {VARIABLE}={escape(typed)}", highlight=False, soft_wrap=True)
    if not _is_well(verified):
        raise typer.Exit(1)


def _verify(address: str) -> dict[str, Any]:
    """Have a process that has the new setting look at everything, as all will from now on."""
    finished = subprocess.run(
        [sys.executable, "-m", "asr_pipeline", "verify", "--json"],
        env=os.environ | {VARIABLE: address},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=None,
    )
    found: dict[str, Any] = json.loads(finished.stdout or "{}")
    return found


def _is_well(verified: dict[str, Any]) -> bool:
    return bool(verified) and verified["equation"]["holds"] and not verified["findings"]


def _print_rows(rows: dict[str, int]) -> None:
    table = Table("table", "rows, in both")
    table.columns[1].justify = "right"
    for name, count in rows.items():
        if count:
            table.add_row(name, f"{count:,}")
    output.print(table)
