"""What all parts of a cluster have in common: Dask's settings, and who may speak with whom."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from dask.system import CPU_COUNT
from distributed.security import Security

TASK = "recognise"  # what Dask's pages and metrics call a call

# Where nobody asked for /health and /metrics: with no address at all Dask would open a port to the whole network.
NO_HTTP = "127.0.0.1:0"

# What a worker's death leaves is done elsewhere; a call at which workers died as often as this, and once more, is
# given back as one that kills.
DEATHS_ALLOWED = 2


@dataclass(frozen=True)
class Tls:
    """PEM files: the authority that is trusted, and this part's own certificate and key."""

    ca: Path
    cert: Path
    key: Path


def set_defaults(*, wait_s: float, task_s: float) -> None:
    """Set Dask's own settings where neither its environment (DASK_…) nor its files say otherwise.

    `wait_s` is how long a call waits where there is no worker; `task_s` what one is taken to need until some are
    measured.
    """
    logging.getLogger("distributed").setLevel(logging.WARNING)
    dask.config.update_defaults(
        {
            "distributed": {
                "scheduler": {
                    "allowed-failures": DEATHS_ALLOWED,
                    "no-workers-timeout": f"{wait_s:g} s",
                    "worker-ttl": "2 minutes",  # a machine that froze
                    "work-stealing": True,
                    "default-task-durations": {TASK: f"{task_s:g} s"},
                    # Others of Dask's pages show code and arguments, and one passes requests on.
                    "http": {"routes": ["distributed.http.scheduler.prometheus", "distributed.http.health"]},
                },
                "worker": {
                    "profile": {"enabled": False},  # looks into every thread a hundred times a second
                    "http": {"routes": ["distributed.http.worker.prometheus", "distributed.http.health"]},
                },
                "comm": {
                    "compression": "zlib",
                    "timeouts": {"tcp": "60 s"},  # a network that is away for less costs no connection
                },
            }
        }
    )


def security(tls: Tls | None) -> Security | None:
    """Give what Dask needs to speak TLS, each side showing a certificate; None to speak without."""
    if tls is None:
        return None
    parts: dict[str, Any] = {"tls_ca_file": str(tls.ca)}
    for part in ("client", "scheduler", "worker"):
        parts |= {f"tls_{part}_cert": str(tls.cert), f"tls_{part}_key": str(tls.key)}
    return Security(require_encryption=True, **parts)


def address(host_and_port: str, tls: Tls | None) -> str:
    """Give a scheduler's address as Dask writes it."""
    return f"{'tcp' if tls is None else 'tls'}://{host_and_port}"


def cores() -> int:
    """Processors that this process may use, also where a container's limit gives fewer than there are."""
    return int(CPU_COUNT)
