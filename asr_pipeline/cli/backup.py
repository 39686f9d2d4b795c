"""`asr-pipeline backup` and `restore`: the whole house in one file, and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asr_pipeline.cli.console import errors, output, transfer_bar
from asr_pipeline.cli.verify import repair_all
from asr_pipeline.domain.ledger import REPAIRABLE
from asr_pipeline.settings import Settings, load_settings
from asr_pipeline.storage.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMED_IN_FULL = 10


def backup(
    file: Annotated[Path, typer.Argument(help="File to write, for example `house.tar.gz`.")],
    *,
    models: Annotated[bool, typer.Option("--models", help="Put the pulled models into it too.")] = False,
) -> None:
    """Write everything into one file, while the pipeline is at work: database, Dagster's home, and the files.

    Example: `asr-pipeline backup house.tar.gz`
    """
    from asr_pipeline.storage.backup import back_up, estimate_bytes  # noqa: PLC0415 - `--help` should not wait
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage, transfer_bar() as bar:
        task = bar.add_task("Backing up", total=estimate_bytes(storage.layout, models=models))
        report = back_up(
            storage.database,
            storage.layout,
            file.absolute(),
            models=models,
            advance=lambda count: bar.advance(task, count),
        )
    output.print(
        f"{escape(str(file))}: {report.members:,} members, {report.size_bytes / 1e6:,.1f} MB, "
        f"{file.stat().st_size / 1e6:,.1f} MB packed",
        highlight=False,
        soft_wrap=True,
    )
    _tell("originals lie outside the data folder and are not in it", report.outside)
    _tell("files were left out: they vanished meanwhile, or are links", report.left_out)


def restore(
    file: Annotated[Path, typer.Argument(help="File that `backup` wrote.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there: it is gone afterwards.")] = False,
) -> None:
    """Put a backup into an empty data folder and an empty database, which may be of the other kind.

    Everything is checked before anything is put in place. Stop the pipeline first.

    Example: `ASR_PIPELINE_DATA_DIR=/srv/asr asr-pipeline restore house.tar.gz`
    """
    from asr_pipeline.storage.restore import restore as put_back  # noqa: PLC0415 - `--help` should not wait
    from asr_pipeline.wiring.storage import connect  # noqa: PLC0415

    settings = load_settings()
    layout = Layout(settings.data_dir)
    layout.ensure()
    database = connect(settings)
    try:
        with transfer_bar() as bar:
            task = bar.add_task("Unpacking", total=file.stat().st_size if file.is_file() else None)
            report = put_back(database, layout, file, force=force, advance=lambda count: bar.advance(task, count))
    finally:
        database.dispose()
    output.print(
        f"Restored what was backed up at {report.made_at}: {report.rows:,} rows", highlight=False, soft_wrap=True
    )
    _tell("originals lay outside the data folder and were not in it", report.outside)
    _tell("files were left out when it was made", report.left_out)
    _reconcile(settings)
    output.print("`asr-pipeline verify` proves that nothing is lost.", highlight=False)


def _reconcile(settings: Settings) -> None:
    """Tell Dagster what was in flight when its home was copied, a moment before the database."""
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - as above
    from asr_pipeline.defs.reconcile import compare, fail_runs_at_work  # noqa: PLC0415
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with (
        open_storage(settings) as storage,
        open_instance(storage.layout.dagster_home) as instance,
        transfer_bar() as bar,
    ):
        runs = fail_runs_at_work(instance, "It was at work when this backup was made.")
        untold = [one for one in compare(instance, storage.database, at_work=False) if one.kind in REPAIRABLE]
        mended = repair_all(storage, instance, untold, bar)
    if runs:
        output.print(f"{runs:,} runs were at work then, and are marked as failed", highlight=False)
    if mended:
        output.print(f"{len(mended):,} results and partitions were told to Dagster, which lacked them", highlight=False)


def _tell(what: str, names: "Sequence[str]") -> None:
    if not names:
        return
    errors.print(f"{len(names):,} {what}:", highlight=False, soft_wrap=True)
    for name in names[:NAMED_IN_FULL]:
        errors.print(f"    {escape(name)}", highlight=False, soft_wrap=True)
    if len(names) > NAMED_IN_FULL:
        errors.print(f"    … and {len(names) - NAMED_IN_FULL:,} more", highlight=False)
