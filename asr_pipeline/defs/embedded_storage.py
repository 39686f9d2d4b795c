"""Dagster's storage in SQLite, with connections that are kept: the same files, tables and rows as Dagster's own.

A locked file is waited for as long as our own database is; Dagster itself waits five seconds for runs and schedules.

Dagster 1.13 makes a new SQLAlchemy engine for each group of statements of its event log, so that six in seven
milliseconds of an event go into connecting, looking at the schema, and compiling the same SQL again
(docs/adr/0010-embedded-storage.md). With `storage: sqlite` in `dagster.yaml` all works the same, and slower.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, cast

from dagster import AssetCheckEvaluation, DagsterEventType, EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import bindparam, create_engine
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.defs.instance_storage import open_storage
from asr_pipeline.storage.database import LOCK_WAIT_S

KEPT = 16  # databases that stay open: the index, and those of the runs that were used last


class EmbeddedStorage(DagsterSqliteStorage):
    """Dagster's storage where no database is set."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)  # makes the tables
        runs, schedules = _runs_directory(base_dir), _schedule_directory(base_dir)
        self._run_storage = KeptRuns.from_local(runs)
        self._event_log_storage = KeptEventLog(_event_logs_directory(base_dir))
        self._schedule_storage = KeptSchedules.from_local(schedules)
        self._run_storage.dispose_too = self._schedule_storage.dispose  # Dagster does not

    @classmethod
    def from_config_value(  # type: ignore[override]  # it may give another class
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage[Any]:
        """Give what `InstanceStorage` gives: a `dagster.yaml` from before it names this class."""
        return open_storage(config_value["base_dir"], inst_data)


class _KeptConnections:
    """Keeps the connections to one database; each thread has its own."""

    _conn_string: str

    @cached_property
    def _engine(self) -> Engine:
        return create_engine(self._conn_string, connect_args={"timeout": LOCK_WAIT_S})

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give a connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        self._engine.dispose()


class KeptRuns(_KeptConnections, SqliteRunStorage):
    """`SqliteRunStorage` with kept connections."""

    dispose_too: Callable[[], None] | None = None

    def dispose(self) -> None:
        """Close the connections."""
        super().dispose()
        if self.dispose_too is not None:
            self.dispose_too()


class KeptSchedules(_KeptConnections, SqliteScheduleStorage):
    """`SqliteScheduleStorage` with kept connections."""


_STATUS = {True: AssetCheckExecutionRecordStatus.SUCCEEDED, False: AssetCheckExecutionRecordStatus.FAILED}
_ITS = "its_"  # names of parameters that say which row
_NAMES_A_CHECK = ("asset_key", "check_name", "run_id", "partition")
_PLANNED_CHECK = (
    AssetCheckExecutionsTable.update()
    .where(*(AssetCheckExecutionsTable.c[name] == bindparam(_ITS + name) for name in _NAMES_A_CHECK))
    .values(
        {
            name: bindparam(name)
            for name in (
                "execution_status",
                "evaluation_event",
                "evaluation_event_timestamp",
                "evaluation_event_storage_id",
            )
        }
    )
)


class KeptEventLog(SqliteEventLogStorage):
    """`SqliteEventLogStorage` that keeps a connection to each of the databases it used last."""

    stores_mixed_batches = True  # `store_event_batch` takes materializations and evaluations of checks together

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        self._making = threading.Lock()
        self._held = threading.local()
        super().__init__(base_dir, inst_data)
        # Dagster makes the tables where there is no file: a process that was killed meanwhile has left one without.
        with self.index_connection():
            pass
        self.reindex_events()
        self.reindex_assets()

    def has_table(self, table_name: str) -> bool:
        """Tell whether the index has a table. One that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close the connections."""
        super().dispose()
        with self._making:
            while self._engines:
                self._engines.popitem()[1].dispose()

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of assets and checks in bulk, as a whole or not at all.

        Dagster's own loops over them, with some ten statements and three to five transactions an event.
        """
        run_ids = {event.run_id for event in events}
        if len(run_ids) != 1:
            super().store_event_batch(events)
            return
        (run_id,) = run_ids
        rows = [self._event_to_row(event) for event in events]
        with self._db_lock, self._transaction(run_id) as run, self._transaction(INDEX_SHARD_NAME) as index:
            run.execute(SqlEventLogStorageTable.insert(), rows)
            numbered = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            event_ids = index.execute(numbered, rows).scalars().all()
            self._held.connections = {run_id: run, INDEX_SHARD_NAME: index}
            try:
                self._index(index, list(zip(event_ids, events, rows, strict=True)))
            finally:
                del self._held.connections

    def _index(self, index: Connection, stored: Sequence[tuple[int, EventLogEntry, dict[str, Any]]]) -> None:
        """Note in the catalogue what was stored: an asset's last event, its tags, and the outcomes of its checks."""
        latest: dict[tuple[str, str], tuple[EventLogEntry, int]] = {}
        tagged: list[tuple[EventLogEntry, int]] = []
        evaluated: list[tuple[int, EventLogEntry, dict[str, Any]]] = []
        for event_id, event, row in stored:
            if event.dagster_event_type in ASSET_EVENTS:
                latest[row["asset_key"], row["dagster_event_type"]] = event, event_id
                tagged.append((event, event_id))
            elif event.dagster_event_type is DagsterEventType.ASSET_CHECK_EVALUATION:
                evaluated.append((event_id, event, row))
            elif event.dagster_event_type in ASSET_CHECK_EVENTS:
                self.store_asset_check_event(event, event_id)
        if tagged:
            events, event_ids = zip(*tagged, strict=True)
            self._store_asset_event_tags(index, events, event_ids)
        for event, event_id in latest.values():
            self._store_asset_event(index, event, event_id)
        if evaluated:
            self._note_evaluations(index, evaluated)

    def _note_evaluations(
        self, index: Connection, evaluated: Sequence[tuple[int, EventLogEntry, dict[str, Any]]]
    ) -> None:
        """Fill in the rows that Dagster made when it planned the checks."""
        rows = []
        for event_id, event, row in evaluated:
            evaluation = cast("AssetCheckEvaluation", event.get_dagster_event().event_specific_data)
            values = {
                "asset_key": evaluation.asset_key.to_string(),
                "check_name": evaluation.check_name,
                "run_id": event.run_id,
                "partition": evaluation.partition,
                "execution_status": _STATUS[evaluation.passed].value,
                "evaluation_event": row["event"],
                "evaluation_event_timestamp": row["timestamp"],
                "evaluation_event_storage_id": event_id,
            }
            rows.append(values | {_ITS + name: values[name] for name in _NAMES_A_CHECK})
        filled = index.execute(_PLANNED_CHECK, rows).rowcount
        if filled == 0:  # of a run over keys, Dagster plans no partitions
            index.execute(
                AssetCheckExecutionsTable.insert(),
                [{name: value for name, value in row.items() if not name.startswith(_ITS)} for row in rows],
            )
        elif filled != len(rows):
            for event_id, event, _ in evaluated:
                self.store_asset_check_event(event, event_id)

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        """Tell whether the table of assets has a column. Its columns stay; Dagster asks anew at each event."""
        if column_name not in self._columns and super()._has_asset_key_col_on_connection(conn, column_name):
            self._columns.add(column_name)
        return column_name in self._columns

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        held: dict[str, Connection] | None = getattr(self._held, "connections", None)
        if held is not None:
            yield held[shard]
            return
        with self._db_lock, self._transaction(shard) as connection:  # Dagster's lock: one thread at a time
            yield connection

    @contextmanager
    def _transaction(self, shard: str) -> Iterator[Connection]:
        engine = self._engine(shard)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        with engine.begin() as connection:
            yield connection

    def _engine(self, shard: str) -> Engine:
        with self._making:
            engine = self._engines.get(shard)
            if engine is None:
                engine = create_engine(
                    self.conn_string_for_shard(shard),
                    pool_size=1,
                    connect_args={"timeout": LOCK_WAIT_S, "check_same_thread": False},
                )
                self._engines[shard] = engine
            self._engines.move_to_end(shard)
            while len(self._engines) > KEPT:
                self._engines.popitem(last=False)[1].dispose()
            return engine
