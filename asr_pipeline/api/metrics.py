"""`GET /metrics`, for Prometheus: what this process has done, and what the database says of all."""

import datetime as dt
import logging
import threading
import time
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy.engine import Engine

from asr_pipeline.api.dependencies import TheGateway
from asr_pipeline.api.measures import PREFIX
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.note import TranslationStatus
from asr_pipeline.storage.backlog_figures import BacklogFigures, backlog_figures

logger = logging.getLogger(__name__)
router = APIRouter(tags=["health"])

KEPT_S = 5.0  # so long the database's figures stand: several that scrape cost one look
_WAITING = frozenset({TranslationStatus.PENDING, TranslationStatus.RUNNING})


class StoredFigures(Collector):
    """Figures out of the database, looked up at most every `KEPT_S`. Where it is away, that is the figure."""

    def __init__(self, engine: Engine, kept_s: float = KEPT_S) -> None:
        self._engine = engine
        self._kept_s = kept_s
        self._looked_s = -kept_s
        self._found: BacklogFigures | None = None
        self._lock = threading.Lock()

    def describe(self) -> list[Metric]:
        """Name nothing: to be registered should not cost a look."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Give the figures."""
        found = self._figures()
        yield GaugeMetricFamily(f"{PREFIX}_database_up", "1 where the database answers.", float(found is not None))
        if found is not None:
            yield from _families(found, dt.datetime.now(dt.UTC))

    def _figures(self) -> BacklogFigures | None:
        with self._lock:
            if time.monotonic() - self._looked_s >= self._kept_s:
                try:
                    self._found = backlog_figures(self._engine)
                except PipelineError:
                    logger.warning("No figures from the database", exc_info=True)
                    self._found = None
                self._looked_s = time.monotonic()
            return self._found


async def _stored(request: Request, gateway: TheGateway) -> CollectorRegistry:
    """Give the app's look at its database."""
    state = request.app.state
    if not hasattr(state, "stored_figures"):
        state.stored_figures = CollectorRegistry()
        state.stored_figures.register(StoredFigures(gateway.pipeline.database))
    stored: CollectorRegistry = state.stored_figures
    return stored


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(gateway: TheGateway, stored: Annotated[CollectorRegistry, Depends(_stored)]) -> Response:
    """Give all figures as Prometheus reads them."""
    text = generate_latest(gateway.measures.registry) + generate_latest(stored)
    return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)


def _families(found: BacklogFigures, now: dt.datetime) -> Iterator[Metric]:
    states = GaugeMetricFamily(f"{PREFIX}_recordings", "Recordings by state.", labels=["state"])
    for state, count in found.by_state.items():
        states.add_metric([state.value], count)
    length = GaugeMetricFamily(f"{PREFIX}_queue_length", "Recordings whose next stage it is.", labels=["stage"])
    age = GaugeMetricFamily(
        f"{PREFIX}_queue_oldest_age_seconds",
        "Since the oldest of them was registered; 0 where none is.",
        labels=["stage"],
    )
    for stage, waiting in found.by_stage.items():
        length.add_metric([stage.value], waiting.count)
        age.add_metric([stage.value], _age_s(waiting.since, now))
    failed = GaugeMetricFamily(
        f"{PREFIX}_recordings_failed", "Recordings that stand failed or quarantined.", labels=["stage", "kind"]
    )
    for (stage_name, kind), count in found.failures.items():
        failed.add_metric([stage_name, kind], count)
    notes = GaugeMetricFamily(f"{PREFIX}_note_translations", "Translations of notes by status.", labels=["status"])
    notes_age = GaugeMetricFamily(
        f"{PREFIX}_note_translations_oldest_age_seconds",
        "Since the oldest of them was asked for; 0 where none is.",
        labels=["status"],
    )
    for status, waiting in found.notes.items():
        notes.add_metric([status.value], waiting.count)
        if status in _WAITING:
            notes_age.add_metric([status.value], _age_s(waiting.since, now))
    yield from (states, length, age, failed, notes, notes_age)


def _age_s(since: dt.datetime | None, now: dt.datetime) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
