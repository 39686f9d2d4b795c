"""`asr-pipeline settings`: every setting, with its value now."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from asr_pipeline.cli.console import output, write_json
from asr_pipeline.settings import ENVIRONMENT_PREFIX, Settings, load_settings


def settings(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """List every setting with its value now; secrets are masked.

    Example: `ASR_PIPELINE_CHANNELS=split asr-pipeline settings`
    """
    values = load_settings().model_dump(mode="json")
    if as_json:
        write_json(values)
        return
    table = Table("variable", "value", "meaning")
    for name, field in Settings.model_fields.items():
        table.add_row(f"{ENVIRONMENT_PREFIX}{name.upper()}", escape(str(values[name])), escape(field.description or ""))
    output.print(table)
