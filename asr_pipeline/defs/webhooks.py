"""Webhooks: a sensor that tells of recordings that came to an end, whichever process ran them."""

import datetime as dt
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

import dagster as dg

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.webhook import signed_headers
from asr_pipeline.settings import Settings, load_settings
from asr_pipeline.storage.posting import NotDelivered, post
from asr_pipeline.storage.text import storable
from asr_pipeline.storage.webhooks import Delivery, SqlWebhooks
from asr_pipeline.wiring.storage import open_storage

SENT_AT_ONCE = 10
MOST_S_A_TICK = 30.0
# A commit is seen some time after the moment that it names: so far back each look overlaps the one before.
OVERLAP = dt.timedelta(minutes=10)


@dg.sensor(
    name="webhooks",
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells ASR_PIPELINE_WEBHOOK_URLS, signed, of recordings that are done or have failed.",
)
def webhooks(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Note what changed since the last look, then tell what is due. The first look begins now: the past is not told."""
    settings = load_settings()
    now = dt.datetime.now(dt.UTC)
    if not settings.webhook_urls:
        return dg.SensorResult(skip_reason="No ASR_PIPELINE_WEBHOOK_URLS are set.", cursor=_Looks(now, now).cursor())
    looks = _Looks.read(context.cursor) if context.cursor else _Looks(now, now)
    try:
        with open_storage(settings) as storage:
            outbox = SqlWebhooks(storage.database)
            outbox.note_changes(settings.webhook_urls, max(looks.first, looks.last - OVERLAP), now)
            counts = _tell(outbox, settings, context)
    except TransientFailure as error:  # the next tick looks from the same moment on
        return dg.SensorResult(skip_reason=storable(str(error)), cursor=looks.cursor())
    told = f"{counts[True]} told, {counts[False]} to be tried again or given up."
    return dg.SensorResult(skip_reason=told, cursor=_Looks(looks.first, now).cursor())


@dataclass(frozen=True, slots=True)
class _Looks:
    """When the sensor looked first, and last."""

    first: dt.datetime
    last: dt.datetime

    @classmethod
    def read(cls, cursor: str) -> Self:
        """Read what `cursor` gave."""
        return cls(*map(dt.datetime.fromisoformat, json.loads(cursor)))

    def cursor(self) -> str:
        """Give it as text."""
        return json.dumps([self.first.isoformat(), self.last.isoformat()])


def _tell(outbox: SqlWebhooks, settings: Settings, context: dg.SensorEvaluationContext) -> Counter[bool]:
    """Tell what is due, some at once; give how much was delivered, and how much was not."""
    deadline_s = time.monotonic() + MOST_S_A_TICK
    counts: Counter[bool] = Counter()

    def tell(delivery: Delivery) -> str | None:
        """Give why it was not delivered, "" where it was; None where another process has it."""
        if not outbox.claim(delivery, dt.datetime.now(dt.UTC)):
            return None
        try:
            _send(delivery, settings)
        except NotDelivered as error:
            outbox.note_failed(delivery, error.found)
            return storable(str(error))
        outbox.note_delivered(delivery, dt.datetime.now(dt.UTC))
        return ""

    with ThreadPoolExecutor(SENT_AT_ONCE, "webhook") as threads:
        while time.monotonic() < deadline_s:
            due = outbox.due(settings.webhook_urls, dt.datetime.now(dt.UTC), SENT_AT_ONCE)
            if not due:
                break
            for why_not in threads.map(tell, due):
                if why_not is not None:
                    counts[not why_not] += 1
                if why_not:
                    context.log.warning("Not delivered: %s", why_not)
    return counts


def _send(delivery: Delivery, settings: Settings) -> None:
    secret = settings.webhook_secret
    if secret is None:
        raise AssertionError("settings with webhook_urls have a webhook_secret")
    body = delivery.body.encode()
    headers = signed_headers(secret.get_secret_value(), delivery.delivery_id, body, dt.datetime.now(dt.UTC))
    post(delivery.url, body, headers, allow_private=settings.webhook_allow_private)
