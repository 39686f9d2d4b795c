"""`asr-pipeline retire`: takes done recordings' partitions out of Dagster, where there are too many."""

import datetime as dt
from typing import Annotated

import typer

from asr_pipeline.cli.console import output, progress_bar, write_json
from asr_pipeline.settings import load_settings


def retire(
    *,
    before: Annotated[dt.datetime, typer.Option(metavar="DATE", help="Those for which nothing was done since.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell how many; retire nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Take the partitions of recordings that are done out of Dagster; SQL, files and Dagster's events stay.

    Beyond 100,000 partitions Dagster's pages and runs become slow. A retired recording that is asked for again, by
    `process --again` or a backfill, gets its partition back.

    Example: `asr-pipeline retire --before 2026-01-01`
    """
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - `--help` should not wait for engines
    from asr_pipeline.defs.retirement import retire as retire_partitions  # noqa: PLC0415
    from asr_pipeline.defs.retirement import to_retire  # noqa: PLC0415
    from asr_pipeline.wiring.pipeline import open_pipeline  # noqa: PLC0415

    with open_pipeline(load_settings()) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        found = to_retire(instance, pipeline.database, before.astimezone())
        if not dry_run:
            with progress_bar() as bar:
                task = bar.add_task("Retiring", total=len(found))
                retire_partitions(instance, pipeline.database, found, lambda count: bar.advance(task, count))
    if as_json:
        write_json({"dry_run": dry_run, "recordings": len(found)})
    else:
        output.print(f"{len(found):,} recordings {'to retire' if dry_run else 'retired'}.", highlight=False)
