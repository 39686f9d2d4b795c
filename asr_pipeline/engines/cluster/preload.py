"""What each worker does before its first call: a plugin, which Dask also hands to workers that join later."""

import asyncio
from collections.abc import Callable

from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin


class Preload(WorkerPlugin):
    """Calls `prepare` once a worker. The same `name` again, from another run, is not done again."""

    idempotent = True

    def __init__(self, name: str, prepare: Callable[[], None]) -> None:
        self.name = name
        self._prepare = prepare

    async def setup(self, worker: Worker) -> None:  # noqa: ARG002 - Dask's
        """Prepare in a thread: while a large model is loaded the worker still tells that it lives."""
        await asyncio.to_thread(self._prepare)
