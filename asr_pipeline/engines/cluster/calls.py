"""Calls that a cluster's workers make: as futures, again where the scheduler was lost, with an end to waiting."""

import asyncio
import logging
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, TypeVar

from distributed import Client, KilledWorker
from distributed.scheduler import NoWorkerError

from asr_pipeline.domain.errors import EngineCrashed, EngineFailed
from asr_pipeline.engines.cluster.places import Place
from asr_pipeline.engines.cluster.preload import Preload
from asr_pipeline.engines.cluster.setup import DEATHS_ALLOWED, TASK

T = TypeVar("T")
logger = logging.getLogger(__name__)
AGAIN_S = 1.0  # between attempts to reach a scheduler that is away


class Calls:
    """Makes calls on the workers of a place. May be shared by threads. Close it at the end.

    Nothing is connected or started before the first call, or `connect`. Every worker does `preload` first. What was
    asked of a scheduler that is lost is asked again of the one that comes in its place, for `wait_s` seconds.
    """

    def __init__(self, place: Place, preload: Callable[[], Preload], *, wait_s: float) -> None:
        self._place = place
        self._preload = preload
        self._wait_s = wait_s
        self._client: Client | None = None
        self._away_since_s: float | None = None
        self._given_up: tuple[float, EngineFailed] | None = None
        self._connecting = asyncio.Lock()
        self._under_way = weakref.WeakSet[asyncio.Task[Any] | None]()
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def threads(self) -> int:
        """Threads of all workers there are now, about; 0 before there is a connection."""
        client = self._client
        return 0 if client is None else int(client.scheduler_info().get("total_threads", 0))

    def connect(self) -> None:
        """Connect now, and have the workers prepare. Raises EngineFailed, and what preparing raises."""
        self._begin(self._connected()).result()

    def submit(self, function: Callable[..., T], *arguments: object, priority: float = 0) -> Future[T]:
        """Have a worker make a call; of those that wait, those of higher priority come first.

        The future raises what the call raises; EngineCrashed where workers died at it; EngineFailed where the
        scheduler, or all workers, were away for longer than is waited. Cancelling it takes the call back.
        """
        return self._begin(self._call(function, arguments, priority))

    def close(self) -> None:
        """Give up what is under way, and disconnect."""
        with self._starting:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._end(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _call(self, function: Callable[..., T], arguments: tuple[object, ...], priority: float) -> T:
        self._under_way.add(asyncio.current_task())
        while True:
            client = await self._connected()
            future = client.submit(
                function, *arguments, key=f"{TASK}-{uuid.uuid4().hex}", pure=False, priority=priority
            )
            try:
                result: T = await future
            except (CancelledError, OSError) as loss:  # Dask's own CancelledError: ours would be asyncio's
                if future.status == "error":
                    raise  # the call itself
                logger.warning("The scheduler was lost (%s); what was asked of it is asked again", loss)
                await self._drop(client)
            except KilledWorker as death:
                raise _crashed(death) from death
            except NoWorkerError as absence:
                raise self._away("no worker") from absence
            else:
                return result
            finally:
                future.release()  # whatever became of it: what nobody waits for is not begun

    async def _connected(self) -> Client:
        """Give the connection; make one where there is none, for as long as is waited."""
        asked_s = time.monotonic()
        async with self._connecting:
            while self._client is None:
                if self._given_up is not None and self._given_up[0] > asked_s:
                    raise self._given_up[1]  # another waited for it meanwhile
                try:
                    self._client = await self._open()
                except OSError as error:  # TimeoutError is one
                    now_s = time.monotonic()
                    self._away_since_s = self._away_since_s or now_s
                    if now_s - self._away_since_s > self._wait_s:
                        self._given_up = now_s, self._away(str(error) or type(error).__name__)
                        raise self._given_up[1] from error
                    await asyncio.sleep(AGAIN_S)
                else:
                    self._away_since_s = None
            return self._client

    async def _open(self) -> Client:
        client = await self._place.connect()
        try:
            await client.register_plugin(self._preload())
        except BaseException:
            await client.close()
            raise
        return client

    async def _drop(self, client: Client) -> None:
        """Leave a connection that broke, once."""
        if self._client is client:
            self._client = None
            with suppress(OSError):
                await client.close()

    async def _end(self) -> None:
        under_way = [task for task in asyncio.all_tasks() if task in self._under_way]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        await self._place.close()

    def _away(self, found: str) -> EngineFailed:
        return EngineFailed(
            "the cluster",
            expected=f"a scheduler and a worker within {self._wait_s:,.0f} s",
            found=found,
            remedy="Start them (`asr-pipeline scheduler`, `asr-pipeline worker`), or set ASR_PIPELINE_EXECUTOR to "
            "threads; what has failed for it is tried again by the schedule retry_failed.",
        )


def _crashed(death: KilledWorker) -> EngineCrashed:
    return EngineCrashed(
        str(death.task),
        expected="a worker to come to an end with it",
        found=f"that {DEATHS_ALLOWED + 1} workers died at it, the last at {death.last_worker.address}",
        remedy="It is made once more, alone.",
    )
