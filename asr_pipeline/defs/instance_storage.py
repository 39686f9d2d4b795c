"""Dagster's own database in the processes that open it: how long it is waited for, and what its errors mean."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from asr_pipeline.storage.database import LOCK_WAIT_S
from asr_pipeline.storage.faults import database_errors


def wait_for_locks() -> None:
    """Wait for locked SQLite files of Dagster's as for our own, in this process.

    Dagster waits so long for its event logs, and five seconds, the driver's default, for its runs and schedules.
    """
    if not event.contains(Pool, "connect", _wait):
        event.listen(Pool, "connect", _wait)


@contextmanager
def dagster_errors(instance: dg.DagsterInstance) -> Iterator[None]:
    """Raise StoreUnavailable, StorageFull where Dagster's database is away, locked or full."""
    with database_errors(Path(instance.root_directory)):
        yield


def _wait(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_S * 1000}")
