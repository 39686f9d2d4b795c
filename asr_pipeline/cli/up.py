"""`asr-pipeline up`: the Dagster UI and daemon over the data folder."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from asr_pipeline.cli.console import output
from asr_pipeline.cli.ports import require_free
from asr_pipeline.cli.supervision import keep_running
from asr_pipeline.settings import ENVIRONMENT_PREFIX, load_settings
from asr_pipeline.storage.atomic import write_text
from asr_pipeline.storage.layout import Layout

CODE_SERVER = "dagster api grpc"  # nobody else notices where it is gone: sensors would fail for good
WORKSPACE = """load_from:
  - python_module:
      module_name: asr_pipeline.definitions
      location_name: asr_pipeline
"""
# One tick of the inbox may copy and read back a file of many gigabytes. What takes even longer goes on in the code
# server, and the next tick finds it done.
SENSOR_TIMEOUT, SENSOR_MAX_S = "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS", "300"


def up(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on. The UI has no login: keep it local.")] = "127.0.0.1",
) -> None:
    """Start the Dagster UI and daemon over the data folder, until Ctrl-C; one that dies is started again.

    Example: `asr-pipeline up --port 3001`
    """
    from asr_pipeline.defs.clock import forget_ticks_of_the_future  # noqa: PLC0415 - `--help` shouldn't wait for Dagster
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415

    settings = load_settings()
    layout = Layout(settings.data_dir)
    layout.ensure()
    with open_instance(layout.dagster_home) as instance:  # makes its tables, or all processes below would at once
        mend_clock = partial(forget_ticks_of_the_future, instance)
        mend_clock()
        require_free("up", host, port)
        output.print(f"Dagster UI: [bold]http://{host}:{port}[/]   (Ctrl-C stops it)", highlight=False)
        # `dagster dev` warns that `dg dev` supersedes it; that one wants a project of its own, which a wheel is not.
        command = [sys.executable, "-m", "dagster", "dev", "-w", str(_workspace(layout)), "-h", host, "-p", str(port)]
        if settings.log_format == "json":
            command += ["--log-format", "json"]
        environment = {
            SENSOR_TIMEOUT: SENSOR_MAX_S,
            "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded",
            **os.environ,
            "DAGSTER_HOME": str(layout.dagster_home),
            f"{ENVIRONMENT_PREFIX}DATA_DIR": str(settings.data_dir),
        }
        code = keep_running(command, environment, layout.dagster_home, CODE_SERVER, meanwhile=mend_clock)
    raise typer.Exit(code)


def _workspace(layout: Layout) -> Path:
    """Write the file that names the code location, the same as a clone's."""
    path = layout.dagster_home / "workspace.yaml"
    write_text(path, WORKSPACE)
    return path
