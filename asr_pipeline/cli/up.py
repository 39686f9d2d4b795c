"""`asr-pipeline up`: the Dagster UI and daemon over the data folder."""

import os
import signal
import socket
import subprocess
import sys
from typing import Annotated

import typer

from asr_pipeline.cli.console import output
from asr_pipeline.domain.errors import SetupError
from asr_pipeline.settings import ENVIRONMENT_PREFIX, load_settings
from asr_pipeline.storage.layout import Layout

# One tick of the inbox may copy and read back a file of many gigabytes. What takes even longer goes on in the code
# server, and the next tick finds it done.
SENSOR_TIMEOUT, SENSOR_MAX_S = "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS", "300"


def up(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on. The UI has no login: keep it local.")] = "127.0.0.1",
) -> None:
    """Start the Dagster UI and daemon over the data folder, until Ctrl-C.

    Example: `asr-pipeline up --port 3001`
    """
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415 - `--help` should not wait for Dagster

    settings = load_settings()
    layout = Layout(settings.data_dir)
    layout.ensure()
    with open_instance(layout.dagster_home):
        pass  # its tables are made here: the processes below would meet each other doing so
    _require_free(host, port)
    output.print(f"Dagster UI: [bold]http://{host}:{port}[/]   (Ctrl-C stops it)", highlight=False)
    # A shell's `&` has it ignored, and the child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # `dagster dev` warns that `dg dev` supersedes it; that one wants a project of its own, which a wheel is not.
    child = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        [sys.executable, "-m", "dagster", "dev", "-m", "asr_pipeline.definitions", "-h", host, "-p", str(port)],
        env={
            SENSOR_TIMEOUT: SENSOR_MAX_S,
            **os.environ,
            "DAGSTER_HOME": str(layout.dagster_home),
            f"{ENVIRONMENT_PREFIX}DATA_DIR": str(settings.data_dir),
        },
        cwd=layout.dagster_home,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
    raise typer.Exit(max(0, child.wait()))


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(
                f"{host}:{port}",
                expected="a free port",
                found=error.strerror or str(error),
                remedy=f"Choose another: `asr-pipeline up --port {port % 65535 + 1}`.",
            ) from error
