"""`asr-pipeline doctor`: looks at everything that the program needs, and says what to do where something lacks."""

import shutil
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from asr_pipeline.cli.console import output, write_json
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.settings import Settings, load_settings
from asr_pipeline.storage.layout import LOW_DISK_BYTES, Layout

if TYPE_CHECKING:
    from asr_pipeline.wiring.pipeline import Pipeline

UI_PORT = 3000


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, whether it is well, what was found, and what to do where it is not."""

    subject: str
    well: bool
    found: str
    remedy: str = ""


def doctor(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """Check models, database, disk, Dagster home and port, and say what to do. Exit code 1 where something is wrong.

    Example: `asr-pipeline doctor`
    """
    settings = load_settings()
    diagnoses = [_disk(settings), _port(), *_pipeline(settings)]
    if as_json:
        write_json([asdict(diagnosis) for diagnosis in diagnoses])
    else:
        for one in diagnoses:
            mark = "[green]ok  [/]" if one.well else "[bold red]WANT[/]"
            output.print(f"{mark} {one.subject:<12} {escape(one.found)}", highlight=False, soft_wrap=True)
            if one.remedy:
                output.print(f"     {'':<12} → {escape(one.remedy)}", highlight=False, soft_wrap=True)
    if not all(diagnosis.well for diagnosis in diagnoses):
        raise typer.Exit(1)


def _pipeline(settings: Settings) -> list[Diagnosis]:
    from asr_pipeline.wiring.pipeline import build_pipeline  # noqa: PLC0415 - `--help` should not wait for engines

    dagster = _tried("dagster", lambda: _dagster(settings))
    try:
        pipeline = build_pipeline(settings)
    except PipelineError as error:
        return [_unwell("installation", error), dagster]
    try:
        return [
            _tried("database", lambda: _database(pipeline)),
            _tried("recognizer", lambda: _recognizer(pipeline)),
            _tried("translator", lambda: _translator(pipeline)),
            dagster,
        ]
    finally:
        pipeline.close()


def _tried(subject: str, look: Callable[[], Diagnosis]) -> Diagnosis:
    try:
        return look()
    except PipelineError as error:
        return _unwell(subject, error)


def _unwell(subject: str, error: PipelineError) -> Diagnosis:
    return Diagnosis(subject, well=False, found=f"{error.subject}: {error.found}", remedy=error.remedy)


def _database(pipeline: "Pipeline") -> Diagnosis:
    counts = ", ".join(f"{count:,} {state}" for state, count in pipeline.store.count_by_state().items())
    return Diagnosis("database", well=True, found=f"{pipeline.database_name} ({counts})")


def _recognizer(pipeline: "Pipeline") -> Diagnosis:
    pipeline.tools.transcriber.preload()
    version = pipeline.tools.transcriber.version
    return Diagnosis("recognizer", well=True, found=f"{version.engine}, {version.model} {version.version}")


def _translator(pipeline: "Pipeline") -> Diagnosis:
    pipeline.preload()
    versions = [pipeline.tools.translator.version("en", language) for language in pipeline.rules.target_languages]
    return Diagnosis("translator", well=True, found="; ".join(f"{v.engine}, {v.model} {v.version}" for v in versions))


def _dagster(settings: Settings) -> Diagnosis:
    from asr_pipeline.defs.instance import keeps_in_postgresql, open_instance  # noqa: PLC0415

    home = Layout(settings.data_dir).dagster_home
    with open_instance(home) as instance:
        elsewhere = settings.uses_postgresql and not keeps_in_postgresql(instance)
        return Diagnosis(
            "dagster",
            well=not elsewhere,
            found=f"{home}, storage in {'SQLite' if elsewhere or not settings.uses_postgresql else 'PostgreSQL'} "
            f"({instance.get_runs_count():,} runs)",
            remedy=f"Remove {home / 'dagster.yaml'}: a new one, which names the database's storage, is written."
            if elsewhere
            else "",
        )


def _disk(settings: Settings) -> Diagnosis:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return Diagnosis(
        "disk",
        well=free >= LOW_DISK_BYTES,
        found=f"{free / 2**30:.1f} GiB free at {settings.data_dir}",
        remedy="" if free >= LOW_DISK_BYTES else "Free some, or set ASR_PIPELINE_DATA_DIR to a larger disk.",
    )


def _port() -> Diagnosis:
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", UI_PORT)) == 0
    found = f"{UI_PORT} is {'taken' if taken else 'free'}"
    return Diagnosis(
        "port", well=True, found=found, remedy="`asr-pipeline up --port N` takes another." if taken else ""
    )
