"""Figures of everything, whichever process worked on it, as Prometheus reads them: out of SQL, Dagster and the disk.

A run lives for minutes, in a process of its own that nobody can scrape. What it did is in the database, and is read
from there: nothing is pushed, and nothing is lost with a process.
"""

import datetime as dt
import logging
import math
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.engine import Engine

from asr_pipeline.api.figure_families import gauge, of_backlog, of_runs, of_totals
from asr_pipeline.defs.run_figures import RunFigures, run_figures
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.storage.backlog_figures import BacklogFigures, backlog_figures
from asr_pipeline.storage.totals import Totals, totals

logger = logging.getLogger(__name__)
KEPT_S = 5.0  # so long what was looked up stands: several that scrape cost one look
TIMES_ITS_COST = 20  # and so many times as long as it took: a large archive costs a twentieth of a process at most


@dataclass(frozen=True, slots=True)
class _Found:
    """What was looked up; None where what is asked does not answer."""

    backlog: BacklogFigures | None
    totals: Totals | None
    runs: RunFigures | None


class StoredFigures(Collector):
    """Looks figures up at most every `kept_s`, more rarely where that takes long.

    Where the database, or Dagster's, is away, that is the figure.
    """

    def __init__(self, engine: Engine, instance: dg.DagsterInstance, data_dir: Path, kept_s: float = KEPT_S) -> None:
        self._engine = engine
        self._instance = instance
        self._data_dir = data_dir
        self._kept_s = kept_s
        self._due_s = -math.inf
        self._found = _Found(None, None, None)
        self._lock = threading.Lock()

    def describe(self) -> list[Metric]:
        """Name nothing: to be registered should not cost a look."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the figures."""
        found = self._figures()
        is_up = found.backlog is not None and found.totals is not None
        yield gauge("database_up", "1 where the database answers.", is_up)
        yield gauge("dagster_up", "1 where Dagster's database answers.", found.runs is not None)
        disk = shutil.disk_usage(self._data_dir)
        yield gauge("data_disk_free_bytes", "Free on the disk of the data folder.", disk.free)
        yield gauge("data_disk_size_bytes", "Size of the disk of the data folder.", disk.total)
        if found.backlog is not None:
            yield from of_backlog(found.backlog, dt.datetime.now(dt.UTC))
        if found.totals is not None:
            yield from of_totals(found.totals)
        if found.runs is not None:
            yield from of_runs(found.runs)

    def _figures(self) -> _Found:
        with self._lock:
            began_s = time.monotonic()
            if began_s >= self._due_s:
                self._found = self._look()
                ended_s = time.monotonic()
                self._due_s = ended_s + max(self._kept_s, TIMES_ITS_COST * (ended_s - began_s))
            return self._found

    def _look(self) -> _Found:
        backlog: BacklogFigures | None = None
        found: Totals | None = None
        runs: RunFigures | None = None
        try:
            backlog, found = backlog_figures(self._engine), totals(self._engine)
        except PipelineError:
            logger.warning("No figures from the database", exc_info=True)
        try:
            runs = run_figures(self._instance)
        except PipelineError:
            logger.warning("No figures from Dagster", exc_info=True)
        return _Found(backlog, found, runs)
