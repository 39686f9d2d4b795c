"""A scheduler and a worker as processes of their own, until they are asked to end."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from distributed import Nanny, Scheduler
from distributed.core import Status

from asr_pipeline.engines.cluster.setup import NO_HTTP, Tls, security

logger = logging.getLogger(__name__)
AGAIN_S = 1.0  # before a worker whose scheduler was lost looks for it again


def run_scheduler(host: str, port: int, http_port: int, tls: Tls | None, ready: Callable[[str], None]) -> None:
    """Run a scheduler until SIGTERM or SIGINT; `ready` hears its address. Raises OSError where a port is taken.

    `http_port` has /health and /metrics; with 0 there are none.
    """
    asyncio.run(_scheduler(host, port, http_port, tls, ready))


def run_worker(
    scheduler: str,
    *,
    threads: int,
    memory: str,
    host: str | None,
    http_port: int,
    tls: Tls | None,
    ready: Callable[[str], None],
) -> None:
    """Run a worker process, and another whenever it dies, until SIGTERM or SIGINT.

    A scheduler (`tcp://host:port`) that is away or was lost is looked for until it is there. `memory` is a size such
    as `4GiB`, or `auto`: a process that takes more is ended and started anew. `ready` hears each address.
    """
    options = {
        "nthreads": threads,
        "memory_limit": memory,
        "host": host,
        "protocol": "tcp" if tls is None else "tls",
        "security": security(tls),
        "silence_logs": logging.WARNING,
        "dashboard": False,
        "dashboard_address": f"{host or ''}:{http_port}" if http_port else NO_HTTP,
    }
    asyncio.run(_worker(scheduler, options, ready))


async def _scheduler(host: str, port: int, http_port: int, tls: Tls | None, ready: Callable[[str], None]) -> None:
    stop = _asked_to_stop()
    async with Scheduler(
        host=host,
        port=port,
        protocol="tcp" if tls is None else "tls",
        security=security(tls),
        dashboard=False,
        dashboard_address=f"{host}:{http_port}" if http_port else NO_HTTP,
    ) as scheduler:
        ready(scheduler.address)
        await _first(stop.wait(), scheduler.finished())


async def _worker(scheduler: str, options: dict[str, Any], ready: Callable[[str], None]) -> None:
    stop = _asked_to_stop()
    while not stop.is_set():
        nanny = Nanny(scheduler, **options)
        started = asyncio.ensure_future(nanny.start())
        try:
            await _first(stop.wait(), asyncio.shield(started))
            if started.done() and not stop.is_set():
                started.result()
                ready(nanny.worker_address or nanny.address)
                await _first(stop.wait(), nanny.finished())
        except (OSError, RuntimeError, asyncio.CancelledError) as error:
            logger.warning("The worker ended: %s; it is started again", error)
        finally:
            started.cancel()
            with suppress(OSError, TimeoutError):
                if nanny.status is not Status.closed:
                    await nanny.close(reason="asked to end" if stop.is_set() else "scheduler lost")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN_S)


def _asked_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _first(*waits: object) -> None:
    """Wait until the first of some things has come to pass."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]  # type: ignore[call-overload]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
