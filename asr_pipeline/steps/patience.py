"""How long what fails transiently is tried again within a run."""

import time
from collections.abc import AsyncIterator

import stamina

from asr_pipeline.domain.errors import StoreUnavailable, TransientFailure
from asr_pipeline.steps.tools import FlowRules

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
