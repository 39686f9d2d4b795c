"""Totals over all processes, in SQL: collected in memory, and added to the table every few seconds and at a run's end.

A process that is killed takes at most `KEEP_EVERY_S` of its counts with it. They are for rates; what was recognised,
failed and waits is counted from its own tables.
"""

import datetime as dt
import logging
import threading
import time
from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.tally import LAST_VALUES, Tally
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.standing import insert_into
from asr_pipeline.storage.tables import tallies

logger = logging.getLogger(__name__)
KEEP_EVERY_S = 5.0
_Key = tuple[str, str, str]  # name, stage, kind


class SqlTallies:
    """Implements `steps.tallying.Tallies` over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine, keep_every_s: float = KEEP_EVERY_S) -> None:
        self._engine = engine
        self._keep_every_s = keep_every_s
        self._kept_s = time.monotonic()
        self._added: defaultdict[_Key, float] = defaultdict(float)
        self._last: dict[_Key, float] = {}
        self._lock = threading.Lock()

    def add(self, tally: Tally, value: float = 1, *, stage: str = "", kind: str = "") -> None:
        """Add to a total."""
        with self._lock:
            self._added[tally.value, stage, kind] += value
        if time.monotonic() - self._kept_s >= self._keep_every_s:
            self.keep()

    def put(self, tally: Tally, value: float) -> None:
        """Set one of `LAST_VALUES`."""
        with self._lock:
            self._last[tally.value, "", ""] = value

    def keep(self) -> None:
        """Add what was collected to the table. Where the database is away it is kept for the next time."""
        with self._lock:
            added, self._added = self._added, defaultdict(float)
            last, self._last = self._last, {}
            self._kept_s = time.monotonic()
        try:
            self._write({key: value for key, value in added.items() if value}, last)
        except PipelineError as error:
            logger.warning("Totals are kept for later: %s", error)
            with self._lock:
                for key, value in added.items():
                    self._added[key] += value
                self._last = last | self._last

    def _write(self, added: dict[_Key, float], last: dict[_Key, float]) -> None:
        if not added and not last:
            return
        now = dt.datetime.now(dt.UTC)
        with writing(self._engine) as connection:
            insert = insert_into(connection, tallies)
            is_last = sa.or_(*(tallies.c.name == tally.value for tally in LAST_VALUES))
            grown = sa.case((is_last, insert.excluded.value), else_=tallies.c.value + insert.excluded.value)
            upsert = insert.on_conflict_do_update(
                index_elements=["name", "stage", "kind"], set_={"value": grown, "changed_at": now}
            )
            connection.execute(upsert, _rows(added | last, now))


def _rows(values: dict[_Key, float], now: dt.datetime) -> list[dict[str, object]]:
    """Give rows in one order for all processes: two writers can't wait for each other."""
    return [
        {"name": name, "stage": stage, "kind": kind, "value": value, "changed_at": now}
        for (name, stage, kind), value in sorted(values.items())
    ]
