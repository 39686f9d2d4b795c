"""How many worker processes there are work for: Dask's own estimate, and two bounds that it does not know."""

from dataclasses import dataclass
from typing import Any

import distributed
import psutil


@dataclass(frozen=True)
class Scaling:
    """How a local cluster grows and shrinks, between `least` and `most` workers.

    It grows until the workers would be through with all that waits in `backlog_s` seconds, by what calls took so far,
    and where more than `backlog_calls` wait for each worker; not while the machine's processors are busier than
    `cpu_percent_max`. It shrinks by workers that were not needed for `shrink_s` seconds.
    """

    least: int
    most: int
    backlog_s: float
    backlog_calls: int
    cpu_percent_max: float
    shrink_s: float


class Adaptive(distributed.Adaptive):
    """Dask's, which compares what waits with how long calls took; with a bound of the queue and one of the machine."""

    def __init__(self, *arguments: Any, scaling: Scaling, **named: Any) -> None:  # noqa: ANN401 - Dask's
        super().__init__(*arguments, **named)
        self._scaling = scaling

    async def target(self) -> int:
        """Give the number of workers that are wanted."""
        wanted = int(await super().target())  # type: ignore[no-untyped-call]
        scheduler = self.cluster.scheduler  # type: ignore[attr-defined]  # a LocalCluster has it here
        workers = scheduler.workers.values()
        waiting = len(scheduler.queued) + len(scheduler.unrunnable)
        waiting += sum(max(0, len(worker.processing) - worker.nthreads) for worker in workers)
        if waiting > self._scaling.backlog_calls * max(1, len(workers)):
            wanted = max(wanted, len(workers) + 1)
        if wanted > len(self.plan) and psutil.cpu_percent() > self._scaling.cpu_percent_max:
            return len(self.plan)
        return wanted
