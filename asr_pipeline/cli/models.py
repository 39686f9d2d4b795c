"""`asr-pipeline models`: which models are here and in use, and fetching the official ones."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from asr_pipeline.cli.console import errors, output, transfer_bar, write_json
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.settings import Settings, load_settings
from asr_pipeline.storage.catalogue import DEFAULT_NAMES, OfficialModel, official
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.models import FIND_FAULT, ModelStatus, ModelStore, starter_dir
from asr_pipeline.storage.opus import add_opus, opus_model

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

app = typer.Typer(
    help="Speech and translation models: what is here, what is in use, and fetching the official ones.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command("list")
def list_models(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """List the models that are here or can be pulled, and which are in use.

    Example: `asr-pipeline models list`
    """
    settings = load_settings()
    store = ModelStore(_layout(settings).models, starter_dir())
    statuses = store.overview(settings.vosk_model, settings.argos_packages)
    if as_json:
        write_json([{**asdict(status), "path": str(status.path) if status.path else None} for status in statuses])
        return
    table = Table(Column("model", no_wrap=True), "engine", "size", "state", "what it is", box=None, pad_edge=False)
    for status in statuses:
        style = "bold" if status.in_use else ("" if status.path else "dim")
        size = f"{status.size_bytes / 1e6:,.0f} MB" if status.size_bytes else ""
        table.add_row(
            escape(status.name), status.kind, size, escape(_state(status)), escape(status.summary), style=style
        )
    output.print(table)
    output.print("\nFetch one with `asr-pipeline models pull NAME`.", highlight=False)


@app.command("pull")
def pull_models(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]…",
            help=f"Names as `models list` gives them. Default: {' and '.join(DEFAULT_NAMES)}.",
            show_default=False,
        ),
    ] = None,
    *,
    mirror: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="Folder or address that holds the files under their own names, instead of the official one.",
        ),
    ] = None,
) -> None:
    """Fetch official models; size and SHA-256 are checked, and what was interrupted goes on where it stopped.

    Example: `asr-pipeline models pull`, or `asr-pipeline models pull vosk-model-en-us-0.22 --mirror /media/usb`
    """
    from stamina.instrumentation import set_on_retry_hooks  # noqa: PLC0415 - as below

    set_on_retry_hooks([_tell_of_retry])  # its own way is a log line on standard output
    chosen = [official(name) for name in names or DEFAULT_NAMES]
    layout = _layout(load_settings())
    failed = 0
    for model in chosen:
        try:
            _pull(model, layout, mirror)
        except PipelineError as error:
            failed += 1
            errors.print(f"[bold red]{escape(model.name)}[/] was not installed: {escape(str(error))}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command("add-opus")
def add_opus_model(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Model that was converted for CTranslate2.")],
    *,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="CODE", help="Its source language, where the folder's name has none."),
    ] = None,
    target: Annotated[str | None, typer.Option("--to", metavar="CODE", help="Its target language, likewise.")] = None,
    prefix: Annotated[
        str,
        typer.Option(metavar="TOKEN", help="What a model for several target languages wants first, as '>>pes<<'."),
    ] = "",
) -> None:
    """Add a converted OPUS-MT model; it comes before other models for the same languages.

    Example: `asr-pipeline models add-opus opus-mt-en-de`
    """
    model = opus_model(folder, source, target, prefix)
    added = add_opus(model, _layout(load_settings()).models)
    output.print(f"{model.source} to {model.target}: added ({added})", highlight=False, markup=False, soft_wrap=True)


def _pull(model: OfficialModel, layout: Layout, mirror: str | None) -> None:
    from asr_pipeline.storage.pull import PullListener, pull  # noqa: PLC0415 - `--help` should not wait for requests

    with transfer_bar() as bar:
        downloading = bar.add_task(f"{model.name}: downloading", total=None, visible=False)
        checking = bar.add_task(f"{model.name}: checking", total=None, visible=False)
        listener = PullListener(
            downloaded=lambda done, total: bar.update(downloading, completed=done, total=total, visible=True),
            checked=lambda done, total: bar.update(checking, completed=done, total=total, visible=True),
            waiting=lambda: errors.print(f"{model.name}: another process is fetching it; waiting for that …"),
        )
        fresh = pull(model, layout.models, find_fault=FIND_FAULT[model.kind], mirror=mirror, listener=listener)
    output.print(
        f"{model.name}: {'installed' if fresh else 'is here already'} ({layout.models / model.name})",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _tell_of_retry(details: "RetryDetails") -> None:
    """Say that a download stopped and goes on; what stopped it is told if it never ends."""
    found = getattr(details.caused_by, "found", details.caused_by)
    errors.print(f"{escape(str(found))}; trying again in {details.wait_for:.0f} s …", highlight=False, soft_wrap=True)


def _layout(settings: Settings) -> Layout:
    return Layout(settings.data_dir)


def _state(status: ModelStatus) -> str:
    if status.fault:
        return f"unusable: {status.fault}"
    if status.in_use:
        return "in use"
    return "here" if status.path else "can be pulled"
