"""Calls of engines: in threads that share one model, with a time limit; what hangs or crashed before, in isolation.

A thread can't be stopped and a crash ends the whole process. So a call that took too long is given up and made again
in a child process; a call in which the process before died (`ports.Claim`) is made there at once. What hangs or dies
there too fails for good, alone.
"""

import asyncio
import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from asr_pipeline.domain.errors import EngineCrashed, EngineFailed, EngineStuck
from asr_pipeline.domain.observing import working_on
from asr_pipeline.ports import Claim
from asr_pipeline.steps.isolation import ChildDied, Isolation

T = TypeVar("T")
logger = logging.getLogger(__name__)

CHILD_START_MAX_S = 120  # modules loaded from a cold disk


@dataclass(frozen=True)
class TimeLimits:
    """How long an engine may take: `max_real_time_factor` times the audio's length, and never less than `least_s`."""

    max_real_time_factor: float = 10
    least_s: float = 60

    def of(self, audio_s: float) -> float:
        """Give the limit in seconds."""
        return max(self.least_s, self.max_real_time_factor * audio_s)


@dataclass(frozen=True)
class EngineCall:
    """What a call is about. `name` is unique in the recording; `subject` is what people call the recording."""

    name: str
    subject: str
    audio_s: float
    claim: Claim


class _Overdue(Exception):
    """A call took longer than its limit."""


class EngineCalls:
    """Makes the calls of one flow. Close it at the end."""

    def __init__(self, executor: Executor, limits: TimeLimits, *, attempts: int) -> None:
        self._executor = executor
        self._limits = limits
        self._attempts = attempts
        self._isolation = Isolation()
        self._one_at_a_time = asyncio.Lock()

    async def run(self, call: EngineCall, work: Callable[..., T], *arguments: object) -> tuple[T, float]:
        """Give a call's result and the seconds it took. Raises the engine's errors, EngineStuck, EngineCrashed."""
        with working_on("engine call", call=call.name):
            return await self._run(call, work, *arguments)

    async def _run(self, call: EngineCall, work: Callable[..., T], *arguments: object) -> tuple[T, float]:
        if call.claim.is_suspect(call.name):
            logger.warning("%s: a process died in %s before: it is made in isolation", call.subject, call.name)
            return await self.run_alone(call, work, *arguments)
        limit_s = self._limits.of(call.audio_s)
        try:
            return await self._in_thread(limit_s, partial(_marked, call.claim, call.name, work, arguments))
        except _Overdue:
            logger.warning("%s: %s took more than %.0f s; once more in isolation", call.subject, call.name, limit_s)
        except MemoryError:
            logger.warning("%s: no memory for %s; once more in isolation", call.subject, call.name)
        return await self.run_alone(call, work, *arguments)

    async def run_together(
        self, subject: str, audio_s: float, work: Callable[..., T], *arguments: object
    ) -> tuple[T, float]:
        """Make a call for several recordings, as `run`. Raises EngineStuck where it fails: try each alone then."""
        limit_s = self._limits.of(audio_s)
        try:
            with working_on("engine call", call=subject):
                return await self._in_thread(limit_s, partial(_timed, work, arguments))
        except _Overdue:
            raise _stuck(subject, limit_s) from None
        except MemoryError as error:
            raise _stuck(subject, limit_s, "no memory for it") from error

    async def run_elsewhere(
        self,
        call: EngineCall,
        begin: "Callable[[float], Future[tuple[T, float]]]",
        work: Callable[..., T],
        *arguments: object,
    ) -> tuple[T, float]:
        """Have a call made on a cluster, where `begin` starts it with a time limit; `work` is the same call here.

        Where a worker takes too long, or workers die, it is made here in isolation, to see whether it is to blame.
        A worker's death harms no process of ours, so that the claim needs no mark.
        """
        if not call.claim.is_suspect(call.name):
            try:
                return await asyncio.wrap_future(begin(self._limits.of(call.audio_s)))
            except (EngineStuck, EngineCrashed, MemoryError) as error:
                logger.warning(
                    "%s: %s failed on the cluster (%s); once more in isolation", call.subject, call.name, error
                )
        return await self.run_alone(call, work, *arguments)

    async def run_alone(self, call: EngineCall, work: Callable[..., T], *arguments: object) -> tuple[T, float]:
        """Make a call in the child process, `attempts` times where that dies of it."""
        how = ""
        async with self._one_at_a_time:
            for _ in range(self._attempts):
                try:
                    result = await self._in_child(self._limits.of(call.audio_s), work, arguments)
                except _Overdue:
                    self._isolation.kill()
                    call.claim.engine_died()
                    call.claim.condemn(call.name)
                    raise _stuck(call.subject, self._limits.of(call.audio_s)) from None
                except asyncio.CancelledError:
                    self._isolation.kill()  # or it would answer the next call with this one's result
                    raise
                except ChildDied as death:
                    call.claim.engine_died()
                    how = str(death)
                    logger.warning("%s: the process in which %s was made died: %s", call.subject, call.name, how)
                else:
                    call.claim.ended(call.name)
                    return result
        call.claim.condemn(call.name)
        raise EngineCrashed(
            call.subject,
            expected=f"{call.name} to come to an end",
            found=f"that the process in which it ran alone died, {self._attempts} times: {how}",
            remedy="The others are done without it. Convert the file anew, or drop it; report it if others play it.",
        )

    def close(self) -> None:
        """End the child process."""
        self._isolation.close()

    async def in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        """Make a call that is no engine's: it has no time limit."""
        return await asyncio.wrap_future(self._executor.submit(work, *arguments))

    async def _in_thread(self, limit_s: float, timed: Callable[[], tuple[T, float]]) -> tuple[T, float]:
        try:
            future = self._executor.submit(timed)
            began_s: float | None = None

            def began() -> float | None:  # it may have waited for a thread first
                nonlocal began_s
                if began_s is None and future.running():
                    began_s = time.monotonic()
                return began_s

            return await _within(limit_s, future, began)
        except BrokenExecutor as error:
            raise EngineFailed(
                "the executor", expected="a result", found=repr(error), remedy="It is tried again on another worker."
            ) from error

    async def _in_child(self, limit_s: float, work: Callable[..., T], arguments: tuple[object, ...]) -> tuple[T, float]:
        """Make the call. What loads a model first, a child that has just started, has twice the time, and a start."""
        submitted_s = time.monotonic()
        future = self._isolation.submit(work, arguments)

        def began() -> float:
            begun_s = self._isolation.began_s
            return submitted_s + CHILD_START_MAX_S if begun_s is None else begun_s + self._limits.least_s

        return await _within(limit_s, future, began)


async def _within(limit_s: float, future: "Future[T]", began: Callable[[], float | None]) -> T:
    """Wait for a result. Raises _Overdue, and gives the call up, where it takes longer than the limit since it began.

    The loop looks now and then instead of setting one alarm, for a call may wait for its turn before it begins.
    """
    waiting = asyncio.wrap_future(future)
    try:
        while True:
            done, _ = await asyncio.wait([waiting], timeout=limit_s / 10)
            if done:
                return waiting.result()
            began_s = began()
            if began_s is not None and time.monotonic() - began_s > limit_s:
                raise _Overdue
    finally:
        waiting.cancel()  # nothing where it is done; gives a running call's thread up otherwise


def _marked(claim: Claim, name: str, work: Callable[..., T], arguments: tuple[object, ...]) -> tuple[T, float]:
    """Make a call that leaves its mark if the process dies in it."""
    claim.began(name)
    try:
        return _timed(work, arguments)
    finally:
        claim.ended(name)


def _timed(work: Callable[..., T], arguments: tuple[object, ...]) -> tuple[T, float]:
    started = time.perf_counter()
    try:
        return work(*arguments), time.perf_counter() - started
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)  # or what it has taken stays taken as long as the error is known
        raise


def _stuck(subject: str, limit_s: float, found: str = "none by then") -> EngineStuck:
    return EngineStuck(
        subject,
        expected=f"a result within {limit_s:,.0f} s",
        found=found,
        remedy="Listen to it; if it is sound, raise ASR_PIPELINE_MAX_REAL_TIME_FACTOR and process it again.",
    )
