"""Where workers are: those of a scheduler that runs already, or processes of this machine that are started now."""

import logging
import math
from dataclasses import dataclass
from typing import Protocol

from distributed import Client, LocalCluster

from asr_pipeline.engines.cluster.scaling import Adaptive, Scaling
from asr_pipeline.engines.cluster.setup import NO_HTTP, Tls, address, security

TRY_S = 10.0  # an attempt to reach a scheduler
LOOK_S = 1.0  # how often it is looked whether workers are wanted


class Place(Protocol):
    """Where workers are. Used in one event loop."""

    async def connect(self) -> Client:
        """Give a new connection. Raises OSError where nobody answers."""
        ...

    async def close(self) -> None:
        """End what was started."""
        ...


@dataclass(frozen=True)
class Remote:
    """The workers of a scheduler elsewhere, `host:port`."""

    host_and_port: str
    tls: Tls | None = None

    async def connect(self) -> Client:
        """Connect to the scheduler."""
        where = address(self.host_and_port, self.tls)
        client: Client = await Client(
            where, security=security(self.tls), asynchronous=True, timeout=TRY_S, set_as_default=False
        )
        return client

    async def close(self) -> None:
        """Leave the scheduler as it is."""


class Local:
    """Processes of this machine: as many as there is work for. They speak TLS with certificates of their own.

    Without it whoever has an account on this machine could have them run any code. `environment` is given to them.
    """

    def __init__(self, scaling: Scaling, environment: dict[str, str]) -> None:
        self._scaling = scaling
        self._environment = environment
        self._cluster: LocalCluster | None = None

    async def connect(self) -> Client:
        """Start the workers, and connect."""
        if self._cluster is None:
            self._cluster = await LocalCluster(
                n_workers=self._scaling.least,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=NO_HTTP,
                scheduler_kwargs={"dashboard": False},
                security=True,
                asynchronous=True,
                silence_logs=logging.WARNING,
                env=self._environment,
            )
            self._cluster.adapt(
                Adaptive=Adaptive,
                scaling=self._scaling,
                minimum=self._scaling.least,
                maximum=self._scaling.most,
                interval=f"{LOOK_S} s",
                wait_count=math.ceil(self._scaling.shrink_s / LOOK_S),
                target_duration=f"{self._scaling.backlog_s} s",
            )
        client: Client = await Client(self._cluster, asynchronous=True, set_as_default=False)
        return client

    async def close(self) -> None:
        """End the workers."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None and (closed := cluster.close()) is not None:
            await closed
