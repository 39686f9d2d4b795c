"""Dagster's storage in the program's PostgreSQL: dagster-postgres, with connections that are kept.

Its tables lie in a schema of their own: both the program and Dagster have a table `alembic_version`. They are made and
brought up to date in one transaction that others wait for, so that a process that is killed meanwhile leaves none
(docs/adr/0012-postgresql.md).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from dagster import AssetKey, DagsterEventType, EventLogEntry
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log import SqlEventLogStorageMetadata
from dagster._core.storage.runs import RunStorageSqlMetadata
from dagster._core.storage.schedules import ScheduleStorageSqlMetadata
from dagster._core.storage.sql import check_alembic_revision, run_alembic_upgrade, stamp_alembic_rev
from dagster._serdes import ConfigurableClassData
from dagster_postgres import event_log as of_events  # with __file__, by which Alembic's scripts are found
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.utils import pg_alembic_config
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from asr_pipeline.defs.postgres_connections import AWAY_MAX_S, Connections, patient
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.storage.faults import database_errors, masked

SCHEMA = "dagster_storage"  # not "dagster": to a user of that name, it would come before "public"
HEAD = "29b539ebc72a"  # Dagster's newest migration; where it is another, each start asks Alembic, and takes longer
VERSION = sa.table("alembic_version", sa.column("version_num"), schema=SCHEMA)
TABLES_LOCK, TOGETHER_LOCK = 0x6173725F64616773, 0x6173725F746F6765  # advisory locks: "asr_dags", "asr_toge"


class _Kept:
    """Uses the shared connections in place of its own."""

    _engine: Any

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        url = connections.engine.url.render_as_string(hide_password=False)
        super().__init__(url, should_autocreate_tables=False)  # type: ignore[call-arg]  # of the class beside this one
        self._engine = connections.engine  # no engine of its own has connected by now

    def connect(self, run_id: str | None = None) -> AbstractContextManager[Connection]:  # noqa: ARG002 - Dagster's
        """Give a connection."""
        return self.connections.connect()

    def optimize_for_webserver(self, *_args: object, **_kwargs: object) -> None:
        """Have a page fail rather than wait for a server that is away. Connections are kept anyway."""
        self.connections.patience_s = 0.0

    def dispose(self) -> None:
        """Close the connections."""
        super().dispose()  # type: ignore[misc]  # the same
        self.connections.engine.dispose()


@patient
class KeptRuns(_Kept, PostgresRunStorage):
    """`PostgresRunStorage` with kept connections."""


@patient
class KeptSchedules(_Kept, PostgresScheduleStorage):
    """`PostgresScheduleStorage` with kept connections."""


@patient
class KeptEvents(_Kept, PostgresEventLogStorage):
    """`PostgresEventLogStorage` with kept connections."""

    stores_mixed_batches = True  # as `KeptEventLog`

    def __init__(self, connections: Connections) -> None:
        self._tables: set[str] = set()
        super().__init__(connections)

    def _connect(self) -> AbstractContextManager[Connection]:
        return self.connections.connect()

    def has_table(self, table_name: str) -> bool:
        """Tell whether there is a table. One that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store events of assets and checks in one transaction; an asset's materializations in one statement.

        One transaction at a time: Dagster goes on reading after the highest number that it saw, and would miss a lower
        one that is committed later.
        """
        of_asset: dict[AssetKey | None, list[EventLogEntry]] = {}
        others = []
        for event in events:
            if event.dagster_event_type is DagsterEventType.ASSET_MATERIALIZATION:
                of_asset.setdefault(event.get_dagster_event().asset_key, []).append(event)
            else:
                others.append(event)
        with self.connections.hold(TOGETHER_LOCK):
            for alike in of_asset.values():
                super().store_event_batch(alike)
            for event in others:
                self.store_event(event)


class PostgresStorage(DagsterStorage[Any]):
    """All three storages; makes their tables. Raises SettingInvalid, StoreUnavailable."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 5,
        statement_timeout_s: float = 120,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.inst_data = inst_data
        self.connections = Connections(url, SCHEMA, pool_size=pool_size, statement_timeout_s=statement_timeout_s)
        self._runs, self._schedules = KeptRuns(self.connections), KeptSchedules(self.connections)
        self._events = KeptEvents(self.connections)
        try:
            with database_errors(self.connections.engine.url):
                self._bring_up_to_date()
        except BaseException:
            self.connections.engine.dispose()
            raise
        self.connections.patience_s = AWAY_MAX_S

    @property
    def event_log_storage(self) -> KeptEvents:
        """Events, assets, partitions."""
        return self._events

    @property
    def run_storage(self) -> KeptRuns:
        """Runs."""
        return self._runs

    @property
    def schedule_storage(self) -> KeptSchedules:
        """Sensors and schedules."""
        return self._schedules

    def dispose(self) -> None:
        """Close the connections."""
        self._runs.dispose()

    def _bring_up_to_date(self) -> None:
        """Make the tables, or migrate them as `dagster instance migrate` does. One query where they are."""
        if self._revision() == HEAD:
            return
        with self.connections.hold(TABLES_LOCK) as connection:
            _make_schema(connection)
            config = pg_alembic_config(of_events.__file__)
            found, newest = check_alembic_revision(config, connection)
            if found == newest:
                return
            if found is None:
                for tables in (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata):
                    tables.create_all(connection)
                stamp_alembic_rev(config, connection)
            else:
                self._migrate(config, connection, found)
            self._runs.migrate()
            self._runs.optimize()
            self._events.reindex_events()
            self._events.reindex_assets()
            self._schedules.migrate()
            self._schedules.optimize()

    def _migrate(self, config: Any, connection: Connection, found: str) -> None:  # noqa: ANN401 - Alembic's
        from alembic.util.exc import CommandError  # noqa: PLC0415 - as above, tables are up to date nearly always

        try:
            run_alembic_upgrade(config, connection)
        except CommandError as error:
            raise SettingInvalid(
                masked(self.connections.engine.url),
                expected="tables of this version of Dagster, or an older one",
                found=f"version {found!r} of them",
                remedy="Install the version of asr-pipeline that this database was used with, or a newer one.",
            ) from error

    def _revision(self) -> str | None:
        try:
            with self.connections.engine.connect() as connection:
                found: str | None = connection.execute(sa.select(VERSION.c.version_num)).scalar()
                return found
        except exc.DBAPIError:
            return None  # no such table; a server that is away shows when they are made


def _make_schema(connection: Connection) -> None:
    """Make the schema where there is none: without the right to, even "if not exists" is refused."""
    there = sa.text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
    if connection.execute(there, {"name": SCHEMA}).first() is None:
        connection.execute(sa.schema.CreateSchema(SCHEMA))
