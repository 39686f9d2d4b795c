"""How long what fails transiently is tried again within a run."""

import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import stamina

from asr_pipeline.domain.errors import StoreUnavailable, TransientFailure
from asr_pipeline.steps.tools import FlowRules

T = TypeVar("T")

STORE_WAIT_S = 90.0  # a database that is restarted is back by then; every recording waits for the same one
LONGEST_WAIT_S = 5.0


def attempts(rules: FlowRules) -> AsyncIterator[stamina.Attempt]:
    """Give attempts: `rules.attempts` of them, but for `STORE_WAIT_S` where it is the database that is away."""
    return aiter(
        stamina.retry_context(
            on=_WorthTrying(rules.attempts),
            attempts=None,
            timeout=None,
            wait_initial=rules.retry_wait_s,
            wait_max=LONGEST_WAIT_S,
        )
    )


async def patiently(do: Callable[[], T], rules: FlowRules) -> T:
    """Do what may fail transiently, until it does not or patience is at its end."""
    async for attempt in attempts(rules):
        with attempt:
            return do()
    raise AssertionError("stamina ends by returning or raising")


def cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give one of the group's errors: they are one cause, met by several that were worked on at the same time."""
    error = group.exceptions[0]
    return cause(error) if isinstance(error, BaseExceptionGroup) else error


class _WorthTrying:
    """Says after each failure whether another attempt is worth it. For one thing that is tried."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._store_away_since_s: float | None = None

    def __call__(self, error: Exception) -> bool:
        if isinstance(error, StoreUnavailable):
            now_s = time.monotonic()
            self._store_away_since_s = self._store_away_since_s or now_s
            return now_s - self._store_away_since_s < STORE_WAIT_S
        self._store_away_since_s = None
        self._left -= 1
        return isinstance(error, TransientFailure) and self._left > 0
