"""What webhooks have to tell: changes of recordings, and a row for each address that is to hear of one.

A row is written before anything is sent, and stays until it was delivered or given up: each change is told at least
once, and its id lets a receiver know a repeat.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.webhook import Change, RunFailure, wait_after
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import in_chunks, insert_into
from asr_pipeline.storage.tables import recordings, stage_commits, webhook_deliveries
from asr_pipeline.storage.text import storable

KEPT = dt.timedelta(days=30)  # far longer than anything is tried
_DELIVERIES = webhook_deliveries.c
_FAILED = [RecordingState.FAILED.value, RecordingState.QUARANTINED.value]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One thing to tell one address. `attempts` counts those before."""

    number: int
    delivery_id: str
    url: str
    body: str
    attempts: int


class SqlWebhooks:
    """The outbox over an engine whose tables are up to date."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note_changes(self, urls: Sequence[str], since: dt.datetime, now: dt.datetime) -> int:
        """Note for each address what came to an end since a moment; give how many of it were new.

        Looking at the same time again notes nothing twice. What is long over goes.
        """
        with reading(self._engine) as connection:
            changes = [*_done(connection, since), *_failed(connection, since)]
            rows = {
                change.delivery_id(url): _row(change, url, change.recording_id, now)
                for change in sorted(changes, key=lambda one: (one.changed_at, one.recording_id))
                for url in urls
            }
            for ids in in_chunks(list(rows)):
                known = sa.select(_DELIVERIES.delivery_id).where(_DELIVERIES.delivery_id.in_(ids))
                for delivery_id in connection.execute(known).scalars():
                    del rows[delivery_id]
        return self._note(rows.values(), now) if rows else 0

    def note_run_failure(self, urls: Sequence[str], failure: RunFailure, now: dt.datetime) -> int:
        """Note for each address that a run has failed; give how many of it were new."""
        return self._note([_row(failure, url, "", now) for url in urls], now)

    def _note(self, rows: Iterable[Mapping[str, object]], now: dt.datetime) -> int:
        with writing(self._engine) as connection:
            insert = insert_into(connection, webhook_deliveries)
            new = insert.on_conflict_do_nothing(index_elements=["delivery_id"])  # of another process, meanwhile
            count = sum(connection.execute(new, row).rowcount for row in rows)
            connection.execute(sa.delete(webhook_deliveries).where(_DELIVERIES.created_at < now - KEPT))
        return count

    def due(self, urls: Iterable[str], now: dt.datetime, limit: int) -> list[Delivery]:
        """Give what is due to be told to addresses that are still in the settings, longest due first."""
        query = (
            sa.select(
                _DELIVERIES.number, _DELIVERIES.delivery_id, _DELIVERIES.url, _DELIVERIES.body, _DELIVERIES.attempts
            )
            .where(_DELIVERIES.due_at <= now, _DELIVERIES.url.in_([storable(url) for url in urls]))
            .order_by(_DELIVERIES.due_at, _DELIVERIES.number)
            .limit(limit)
        )
        with reading(self._engine) as connection:
            return [Delivery(*row) for row in connection.execute(query)]

    def claim(self, delivery: Delivery, now: dt.datetime) -> bool:
        """Count an attempt before it is made; False where another process has taken it.

        A process that dies in it leaves it due after the wait of an attempt that failed.
        """
        attempts = delivery.attempts + 1
        wait = wait_after(attempts)
        return self._change(delivery, attempts=attempts, due_at=None if wait is None else now + wait)

    def note_delivered(self, delivery: Delivery, now: dt.datetime) -> None:
        """Note that a claimed delivery was taken."""
        self._change(delivery, claimed=True, due_at=None, delivered_at=now, last_error=None)

    def note_failed(self, delivery: Delivery, why: str) -> None:
        """Note why an attempt at a claimed delivery failed."""
        self._change(delivery, claimed=True, last_error=why)

    def _change(self, delivery: Delivery, *, claimed: bool = False, **values: object) -> bool:
        unchanged = (_DELIVERIES.number == delivery.number) & (_DELIVERIES.attempts == delivery.attempts + claimed)
        with writing(self._engine) as connection:
            changed = connection.execute(
                sa.update(webhook_deliveries).where(unchanged, _DELIVERIES.delivered_at.is_(None)).values(values)
            )
        return bool(changed.rowcount)


def _row(what: Change | RunFailure, url: str, recording_id: str, now: dt.datetime) -> dict[str, object]:
    return {
        "delivery_id": what.delivery_id(url),
        "url": url,
        "recording_id": recording_id,
        "body": what.body(),
        "created_at": now,
        "due_at": now,
    }


def _done(connection: Connection, since: dt.datetime) -> list[Change]:
    changed = sa.select(stage_commits.c.recording_number).where(stage_commits.c.committed_at >= since).distinct()
    ended_at = sa.func.max(stage_commits.c.committed_at, type_=stage_commits.c.committed_at.type).label("ended_at")
    query = (
        sa.select(recordings.c.recording_id, recordings.c.name, ended_at)
        .select_from(recordings.join(stage_commits, stage_commits.c.recording_number == recordings.c.number))
        .where(recordings.c.number.in_(changed), recordings.c.state == RecordingState.DONE.value)
        .group_by(recordings.c.number, recordings.c.recording_id, recordings.c.name)
    )
    return [
        Change(row.recording_id, storable(row.name), RecordingState.DONE.value, None, None, 0, row.ended_at)
        for row in connection.execute(query)
    ]


def _failed(connection: Connection, since: dt.datetime) -> list[Change]:
    table = recordings.c
    query = sa.select(
        table.recording_id, table.name, table.state, table.failed_stage, table.reason, table.failures, table.failed_at
    ).where(table.failed_at >= since, table.state.in_(_FAILED))
    return [
        Change(
            row.recording_id,
            storable(row.name),
            row.state,
            row.failed_stage,
            storable(row.reason),
            row.failures,
            row.failed_at,
        )
        for row in connection.execute(query)
    ]
