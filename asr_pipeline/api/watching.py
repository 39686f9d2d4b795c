"""One look at SQL for all who watch recordings: whoever's recording has changed is woken.

It looks every 0.2 s while something happens, ever more seldom up to once a second while nothing does, and not at all
while nobody watches. All of it is in the event loop's thread, but for the look itself.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.engine import Engine

from asr_pipeline.domain.errors import StoreUnavailable
from asr_pipeline.storage.happenings import marks

logger = logging.getLogger(__name__)
SOONEST_S = 0.2
LATEST_S = 1.0
SLOWER = 1.3


class Watching:
    """Wakes those who watch, of whom there may be `most`; `close` wakes all for good."""

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine = engine
        self._most = most
        self._reserved = 0
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._looking: asyncio.Task[None] | None = None
        self.is_closed = False

    @property
    def count(self) -> int:
        """How many watch, or are about to."""
        return self._reserved

    def reserve(self) -> bool:
        """Take a place, if there is one; `release` gives it back."""
        if self._reserved >= self._most or self.is_closed:
            return False
        self._reserved += 1
        return True

    def release(self) -> None:
        """Give a place back."""
        self._reserved -= 1

    @contextmanager
    def watched(self, recording_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something has happened to a recording, and soon once at the beginning."""
        changed = asyncio.Event()
        self._watchers.setdefault(recording_id, set()).add(changed)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield changed
        finally:
            self._watchers[recording_id].discard(changed)
            if not self._watchers[recording_id]:
                del self._watchers[recording_id]

    def close(self) -> None:
        """Wake everybody: the gateway is to stop."""
        self.is_closed = True
        for changed in self._all():
            changed.set()

    def _all(self) -> list[asyncio.Event]:
        return [changed for some in self._watchers.values() for changed in some]

    async def _look(self) -> None:
        """Look until nobody watches any more."""
        known: dict[asyncio.Event, str] = {}
        wait_s = SOONEST_S
        while self._watchers and not self.is_closed:
            try:
                found = await run_in_threadpool(marks, self._engine, sorted(self._watchers))
            except StoreUnavailable as error:
                logger.warning("Nobody can be told of what happens: %s", error)
                wait_s = LATEST_S
            else:
                now = {changed: found.get(one, "") for one, some in self._watchers.items() for changed in some}
                woken = [changed for changed, mark in now.items() if known.get(changed) != mark]
                for changed in woken:
                    changed.set()
                known = now
                wait_s = SOONEST_S if woken else min(wait_s * SLOWER, LATEST_S)
            await asyncio.sleep(wait_s)
