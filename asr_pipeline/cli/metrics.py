"""`asr-pipeline metrics`: what is stored, as Prometheus reads it, where no gateway runs."""

import signal
import sys
import threading
from typing import Annotated

import typer

from asr_pipeline.cli.console import output
from asr_pipeline.cli.ports import require_free
from asr_pipeline.settings import load_settings


def metrics(
    *,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve them at /metrics of this port, until Ctrl-C.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on. There is no login: keep it local.")] = "127.0.0.1",
) -> None:
    """Print the figures of all recordings and runs for Prometheus, or serve them; the gateway has them at /metrics too.

    Example: `asr-pipeline metrics > /var/lib/node_exporter/asr_pipeline.prom`, or `asr-pipeline metrics --port 9108`
    """
    from prometheus_client import CollectorRegistry, generate_latest, start_http_server  # noqa: PLC0415 - as elsewhere

    from asr_pipeline.api.stored_figures import StoredFigures  # noqa: PLC0415
    from asr_pipeline.defs.instance import open_instance  # noqa: PLC0415
    from asr_pipeline.wiring.storage import open_storage  # noqa: PLC0415

    with open_storage(load_settings()) as storage, open_instance(storage.layout.dagster_home) as instance:
        registry = CollectorRegistry()
        registry.register(StoredFigures(storage.database, instance, storage.layout.data_dir))
        if port is None:
            sys.stdout.write(generate_latest(registry).decode())
            return
        require_free("metrics", host, port)
        asked_to_end = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked_to_end.set())
        server, thread = start_http_server(port, host, registry)
        output.print(f"Metrics: [bold]http://{host}:{port}/metrics[/]   (Ctrl-C stops it)", highlight=False)
        asked_to_end.wait()
        server.shutdown()
        server.server_close()
        thread.join()
