"""The `asr-pipeline` command: its sub-commands, and how errors end.

Exit codes: 0 all went well; 1 something could not be done, and was named; 2 the command line itself is wrong;
130 interrupted.
"""

import logging
import sys
from typing import Annotated

import typer

from asr_pipeline import __version__
from asr_pipeline.cli import (
    audit,
    backfill,
    backup,
    cluster,
    demo,
    doctor,
    glossary,
    importing,
    init_env,
    keys,
    metrics,
    migrate_to_postgres,
    models,
    process,
    quarantine,
    reference,
    report,
    results,
    retire,
    search,
    serve,
    settings,
    up,
    verify,
    watch,
)
from asr_pipeline.cli.console import errors
from asr_pipeline.domain.errors import PipelineError

INTERRUPTED = 130  # what Typer makes of Ctrl-C

app = typer.Typer(
    name="asr-pipeline",
    help="English audio to timed transcripts (Vosk) and Persian translations (Argos Translate), through Dagster.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="markdown",
)
app.command("demo")(demo.demo)
app.command("up")(up.up)
app.command("serve")(serve.serve)
app.command("scheduler")(cluster.scheduler)
app.command("worker")(cluster.worker)
app.command("process")(process.process)
app.command("watch")(watch.watch)
app.command("import")(importing.import_archive)
app.command("backfill")(backfill.backfill)
app.command("retire")(retire.retire)
app.command("list")(results.list_recordings)
app.command("show")(results.show)
app.command("search")(search.search_texts)
app.command("export")(results.export)
app.command("status")(results.status)
app.command("report")(report.report)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(models.app, name="models")
app.add_typer(glossary.app, name="glossary")
app.add_typer(reference.app, name="reference")
app.add_typer(keys.app, name="keys")
app.command("audit")(audit.audit)
app.command("doctor")(doctor.doctor)
app.command("settings")(settings.settings)
app.command("metrics")(metrics.metrics)
app.command("init-env")(init_env.init_env)
app.command("verify")(verify.verify)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("migrate-to-postgres")(migrate_to_postgres.migrate_to_postgres)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's signature
    if wanted:
        sys.stdout.write(f"asr-pipeline {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and log lines.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    logging.basicConfig(level=logging.DEBUG if debug else logging.CRITICAL)


def main() -> None:
    """Run the command line; a PipelineError ends in its message and exit code 1, with a traceback under --debug."""
    try:
        app()
    except PipelineError as error:
        if "--debug" in sys.argv:
            raise
        errors.print(f"[bold red]Error:[/] {_escaped(str(error))}", soft_wrap=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            errors.print("Interrupted. What is done is kept; the same command goes on from there.")
        raise


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
