"""`asr-pipeline scheduler` and `asr-pipeline worker`: the parts of a cluster, as Dask has them.

Over Dask's own commands these have the settings of runs (TLS, how long is waited), and workers come back after their
scheduler was lost.
"""

import ipaddress
import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from asr_pipeline.cli.console import output
from asr_pipeline.cli.ports import require_free
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from asr_pipeline.engines.cluster.setup import Tls

WithoutTls = Annotated[
    bool,
    typer.Option("--without-tls", help="Speak without TLS on a network: whoever reaches it can run any code."),
]


def scheduler(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8786,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /health and /metrics; 0: none.")] = 8787,
    without_tls: WithoutTls = False,
) -> None:
    """Run a cluster's scheduler, which gives workers their work, until Ctrl-C.

    Example: `asr-pipeline scheduler --host 10.0.0.1`
    """
    settings = load_settings()
    tls = _begin(settings)
    _require_tls(tls, host, without_tls=without_tls)
    for one in (port, http_port):
        if one:
            require_free("scheduler", host, one)
    from asr_pipeline.engines.cluster.nodes import run_scheduler  # noqa: PLC0415 - `--help` should not wait for Dask

    run_scheduler(host, port, http_port, tls, lambda address: _tell(f"Scheduler: {address}"))


def worker(
    *,
    address: Annotated[
        str | None, typer.Argument(help="The scheduler, dask://host:port; ASR_PIPELINE_EXECUTOR if not given.")
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Spans that are recognised at a time; ASR_PIPELINE_WORKERS, else all cores, if not given."
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option(help="Memory, such as 4GiB: a process that takes more is ended and started anew.")
    ] = "auto",
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; the one that reaches the scheduler if not given.")
    ] = None,
    http_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of /health and /metrics; 0: none.")] = 0,
    without_tls: WithoutTls = False,
) -> None:
    """Run a worker of a cluster, which recognises speech, until Ctrl-C. It waits for a scheduler that is away.

    Example: `asr-pipeline worker dask://10.0.0.1:8786`
    """
    settings = load_settings(**({} if address is None else {"executor": address}))
    scheme, _, scheduler_address = settings.executor.partition("://")
    if scheme != "dask" or not scheduler_address:
        raise SettingInvalid(
            "ASR_PIPELINE_EXECUTOR",
            expected="the address of a scheduler, dask://host:port",
            found=repr(settings.executor),
            remedy="Set it, or name one: `asr-pipeline worker dask://10.0.0.1:8786`.",
        )
    tls = _begin(settings)
    _require_tls(tls, scheduler_address.rpartition(":")[0].strip("[]"), without_tls=without_tls)
    from asr_pipeline.engines.cluster.nodes import run_worker  # noqa: PLC0415
    from asr_pipeline.engines.cluster.setup import address as dask_address  # noqa: PLC0415
    from asr_pipeline.engines.cluster.setup import cores  # noqa: PLC0415

    run_worker(
        dask_address(scheduler_address, tls),
        threads=threads or (settings.workers if "workers" in settings.model_fields_set else cores()),
        memory=memory,
        host=host,
        http_port=http_port,
        tls=tls,
        ready=lambda where: _tell(f"Worker: {where}, of {scheduler_address}"),
    )


def _begin(settings: Settings) -> "Tls | None":
    """Load Dask with its settings; give the files for TLS. Raises SetupError."""
    from asr_pipeline.wiring.cluster import not_installed, tls_of  # noqa: PLC0415

    logging.getLogger().setLevel(min(logging.getLogger().level, logging.WARNING))
    try:
        from asr_pipeline.engines.cluster.setup import set_defaults  # noqa: PLC0415
    except ImportError as error:
        raise not_installed(error) from error
    set_defaults(wait_s=settings.cluster_wait_s, task_s=settings.cluster_span_s)
    return tls_of(settings)


def _require_tls(tls: "Tls | None", host: str, *, without_tls: bool) -> None:
    """Refuse to open this machine to whoever is on the network."""
    if tls is None and not without_tls and not _is_loopback(host):
        raise SettingInvalid(
            "ASR_PIPELINE_CLUSTER_CA",
            expected=f"TLS, where {host} is reached from other machines: whoever reaches a scheduler or a worker "
            "can run any code there",
            found="it is not set",
            remedy="Set ASR_PIPELINE_CLUSTER_CA, _CERT and _KEY; or say --without-tls on a network of your own.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tell(line: str) -> None:
    output.print(line, highlight=False, markup=False, soft_wrap=True)
    sys.stdout.flush()
