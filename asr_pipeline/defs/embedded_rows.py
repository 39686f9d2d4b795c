"""What Dagster's SQLite files hold, copied into the tables of its PostgreSQL storage.

In SQLite each run's events lie in a file of the run, numbered from one; those of assets and checks, and a run's changes
of state, lie in the index too, with numbers of their own by which other tables name them. In PostgreSQL all events have
one order. It is made here: the index's, with the other events of a run in the places where the run has them.
"""

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorageMetadata, SqlEventLogStorageTable
from dagster._core.storage.runs import RunStorageSqlMetadata
from dagster._core.storage.schedules import ScheduleStorageSqlMetadata
from sqlalchemy.engine import Connection

from asr_pipeline.defs.embedded_cursors import with_new_numbers
from asr_pipeline.storage.database import sqlite_url

ROWS_AT_A_TIME = 1000
EVENTS = SqlEventLogStorageTable
# Not copied as they are: events; what PostgreSQL's storage has written by itself; what only living processes mean.
LEFT_OUT = frozenset({EVENTS.name, "secondary_indexes", "daemon_heartbeats"})
Row = dict[str, Any]
Advance = Callable[[int], None]


class EmbeddedRows:
    """Dagster's SQLite files below its home."""

    def __init__(self, home: Path) -> None:
        self._shards = home / "history" / "runs"
        self.index = self._shards / "index.db"
        self._parts = [
            (home / "history" / "runs.db", RunStorageSqlMetadata),
            (home / "schedules" / "schedules.db", ScheduleStorageSqlMetadata),
            (self.index, SqlEventLogStorageMetadata),
        ]

    @property
    def files(self) -> list[Path]:
        """The databases that are there whatever runs there were."""
        return [file for file, _ in self._parts]

    def count(self) -> dict[str, int]:
        """Give the number of rows by table. An event that a run and the index both have is one."""
        counts = {EVENTS.name: sum(1 for _ in self._events(lambda *_: None))}
        for file, tables in self._parts:
            with _connected(file) as connection:
                for table in _copied(tables):
                    counts[table.name] = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        return counts

    def copy(self, target: Connection, schema: str, advance: Advance) -> None:
        """Copy everything into empty tables. `advance` hears of rows."""
        numbers: dict[int, int] = {}
        _insert(target, EVENTS, schema, self._events(numbers.__setitem__), advance)
        for file, tables in self._parts:
            with _connected(file) as connection:
                for table in _copied(tables):
                    rows = (with_new_numbers(table.name, row, numbers) for row in _rows(connection, table))
                    _insert(target, table, schema, rows, advance)

    def _events(self, renumbered: Callable[[int, int], None]) -> Iterator[Row]:
        """Give all events in their order, numbered anew; `renumbered` hears of those of the index: old, new."""
        number = count(1)
        runs: dict[str, _Run] = {}
        try:
            with _connected(self.index) as index:
                ends = sa.select(EVENTS.c.run_id, sa.func.max(EVENTS.c.id)).group_by(EVENTS.c.run_id)
                last = {run_id: end for run_id, end in index.execute(ends)}  # noqa: C416 - a result is no mapping
                for row in _rows(index, EVENTS):
                    run_id = row["run_id"]
                    run = runs.get(run_id) or runs.setdefault(run_id, _Run(self._shard(run_id)))
                    yield from run.up_to(row, number)
                    renumbered(row["id"], run.number_of(row))
                    if row["id"] == last[run_id]:
                        yield from run.rest(number)
                        runs.pop(run_id).close()
            for run_id in self._shards_but(last):
                run = runs.setdefault(run_id, _Run(self._shard(run_id)))
                yield from run.rest(number)
                runs.pop(run_id).close()
        finally:
            for run in runs.values():
                run.close()

    def _shard(self, run_id: str) -> Path:
        return self._shards / f"{run_id}.db"

    def _shards_but(self, run_ids: Collection[str]) -> list[str]:
        """Give the runs of which the index knows nothing."""
        found = {path.name.removesuffix(".db") for path in self._shards.iterdir() if path.name.endswith(".db")}
        return sorted(found - {self.index.stem} - set(run_ids))


def count_copied(target: Connection, schema: str) -> dict[str, int]:
    """Give the number of rows by table of what is copied."""
    counts = {}
    for tables in (RunStorageSqlMetadata, ScheduleStorageSqlMetadata, SqlEventLogStorageMetadata):
        for table in [*_copied(tables), *([EVENTS] if EVENTS.metadata is tables else [])]:
            there = table.to_metadata(sa.MetaData(), schema=schema)
            counts[table.name] = target.execute(sa.select(sa.func.count()).select_from(there)).scalar_one()
    return counts


class _Run:
    """Goes once through the events of a run's file, in their order."""

    def __init__(self, file: Path) -> None:
        self._engine = sa.create_engine(sqlite_url(file)) if file.exists() else None
        self._events: Iterator[Row] = iter(())
        self._waiting: Counter[bytes] = Counter()  # events of the file that were not given yet
        self._numbers: dict[bytes, deque[int]] = defaultdict(deque)  # of those that were given
        if self._engine is not None:
            self._connection = self._engine.connect()
            if sa.inspect(self._connection).has_table(EVENTS.name):  # else it was killed before its first event
                self._waiting.update(_digest(row) for row in _rows(self._connection, EVENTS))
                self._events = _rows(self._connection, EVENTS)

    def close(self) -> None:
        """Close the file."""
        if self._engine is not None:
            self._connection.close()
            self._engine.dispose()

    def up_to(self, row: Row, number: Iterator[int]) -> Iterator[Row]:
        """Give the events up to one of the index, and that, unless it was given before."""
        wanted = _digest(row)
        if self._numbers[wanted]:
            return
        if not self._waiting[wanted]:  # its file is gone, or its process died in between
            yield self._numbered(row, wanted, number)
            return
        for event in self._events:
            digest = _digest(event)
            self._waiting[digest] -= 1
            yield self._numbered(event, digest, number)
            if digest == wanted:
                return

    def rest(self, number: Iterator[int]) -> Iterator[Row]:
        """Give the events after those."""
        for event in self._events:
            yield self._numbered(event, _digest(event), number)

    def number_of(self, row: Row) -> int:
        """Give the number that an event of the index has got."""
        return self._numbers[_digest(row)].popleft()

    def _numbered(self, event: Row, digest: bytes, number: Iterator[int]) -> Row:
        new = next(number)
        self._numbers[digest].append(new)
        return event | {"id": new}


def _digest(event: Row) -> bytes:
    return hashlib.blake2b(event["event"].encode(), digest_size=16).digest()


@contextmanager
def _connected(file: Path) -> Iterator[Connection]:
    engine = sa.create_engine(sqlite_url(file))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _copied(tables: sa.MetaData) -> list[sa.Table]:
    return [table for table in tables.sorted_tables if table.name not in LEFT_OUT]


def _rows(connection: Connection, table: sa.Table) -> Iterator[Row]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    for row in connection.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME}).mappings():
        yield dict(row)


def _insert(target: Connection, table: sa.Table, schema: str, rows: Iterable[Row], advance: Advance) -> int:
    """Insert rows; gives how many they were."""
    there = table.to_metadata(sa.MetaData(), schema=schema)
    inserted = 0
    iterator = iter(rows)
    while some := list(islice(iterator, ROWS_AT_A_TIME)):
        target.execute(sa.insert(there), some)
        inserted += len(some)
        advance(len(some))
    if "id" in table.c:
        sequence = target.execute(sa.select(sa.func.pg_get_serial_sequence(f"{schema}.{table.name}", "id"))).scalar()
        if sequence is not None and inserted:
            target.execute(sa.select(sa.func.setval(sequence, sa.select(sa.func.max(there.c.id)).scalar_subquery())))
    return inserted
