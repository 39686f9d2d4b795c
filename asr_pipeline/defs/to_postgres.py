"""An embedded installation's move to PostgreSQL: the program's tables and Dagster's, in one transaction of the target.

The SQLite files stay as they are. Nothing may be at work meanwhile: it would go on in SQLite.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from dagster._core.execution.backfill import BULK_ACTION_TERMINAL_STATUSES
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.defs.dead_runs import close_dead_runs
from asr_pipeline.defs.embedded_rows import EmbeddedRows, count_copied
from asr_pipeline.defs.embedded_storage import KeptEventLog
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.own_process import UNFINISHED
from asr_pipeline.defs.postgres_storage import SCHEMA, TABLES_LOCK, PostgresStorage
from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.settings import Settings
from asr_pipeline.storage import table_rows
from asr_pipeline.storage.archive import lock
from asr_pipeline.storage.database import address_of, open_database, upgrade, writing
from asr_pipeline.storage.faults import masked
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.sole_use import require_sole_use
from asr_pipeline.wiring.storage import open_storage

# Of Dagster's tables, those that have rows only where something was done.
TELLING = ("runs", "event_logs", "dynamic_partitions", "asset_keys", "job_ticks", "bulk_actions")


def move_to_postgres(
    settings: Settings, url: str, begin: Callable[[int], None], advance: Callable[[int], None]
) -> dict[str, int]:
    """Copy everything into an empty database, whole or not at all; gives the number of rows by table.

    `settings` are those of the embedded installation. `begin` hears of how many rows there are, `advance` of rows that
    were copied. Raises SetupError where something is at work or the database is not empty, StoreUnavailable.
    """
    target_url = _postgresql(url)
    source = _sqlite_file(settings)
    layout = Layout(settings.data_dir)
    dagsters = EmbeddedRows(layout.dagster_home)
    with lock(layout.data_dir / "restore"):
        require_sole_use([source, *dagsters.files], subject=str(layout.data_dir))
        with open_storage(settings) as storage:
            with open_instance(layout.dagster_home) as instance:
                _require_ours(instance, layout.dagster_home)
                close_dead_runs(instance, storage.store)
                _require_rest(instance, layout)
            target = open_database(target_url, statement_timeout_s=settings.database_statement_timeout_s)
            try:
                upgrade(target)
                PostgresStorage(url).dispose()
                return _copy(storage.database, dagsters, target, begin, advance)
            finally:
                target.dispose()


def _copy(
    source: Engine, dagsters: EmbeddedRows, target: Engine, begin: Callable[[int], None], advance: Callable[[int], None]
) -> dict[str, int]:
    with writing(source) as ours, writing(target) as there:  # nobody else writes meanwhile, on either side
        there.execute(sa.text("SET LOCAL statement_timeout = 0"))
        there.execute(sa.select(sa.func.pg_advisory_xact_lock(TABLES_LOCK)))
        _require_empty(there)
        expected = _counts(table_rows.count(ours), dagsters.count())
        begin(sum(expected.values()))
        table_rows.copy(ours, there, advance)
        dagsters.copy(there, SCHEMA, advance)
        found = _counts(table_rows.count(there), count_copied(there, SCHEMA))
        if found != expected:
            differ = ", ".join(
                f"{name} {found[name]:,}/{expected[name]:,}" for name in found if found[name] != expected[name]
            )
            raise SetupError(
                masked(target.url),
                expected="as many rows as there are in SQLite",
                found=f"others ({differ})",
                remedy="Nothing was moved. Please report it; `backup` and `restore` move the program's tables too.",
            )
    return found


def _counts(ours: Mapping[str, int], dagsters: Mapping[str, int]) -> dict[str, int]:
    return {**ours, **{f"{SCHEMA}.{name}": count for name, count in sorted(dagsters.items())}}


def _postgresql(url: str) -> sa.URL:
    address = address_of(url)
    if address.get_backend_name() != "postgresql":
        raise SettingInvalid(
            "the database to move to",
            expected="postgresql://USER:PASSWORD@HOST/NAME",
            found=f"one of kind {address.get_backend_name()!r}",
            remedy="Give the address of an empty PostgreSQL database.",
        )
    return address


def _sqlite_file(settings: Settings) -> Path:
    address = address_of(settings.sqlalchemy_url)
    if settings.uses_postgresql or not address.database:
        raise SettingInvalid(
            "ASR_PIPELINE_DATABASE_URL",
            expected="an installation that is on SQLite",
            found=masked(address),
            remedy="Take it out of the environment: the installation to move is the one in ASR_PIPELINE_DATA_DIR.",
        )
    return Path(address.database)


def _require_ours(instance: dg.DagsterInstance, home: Path) -> None:
    if not isinstance(instance.event_log_storage, KeptEventLog):
        raise SettingInvalid(
            str(home / "dagster.yaml"),
            expected="the storage that asr-pipeline writes there",
            found=type(instance.event_log_storage).__name__,
            remedy="Remove the file: a new one is written, for the same SQLite files.",
        )


def _require_rest(instance: dg.DagsterInstance, layout: Layout) -> None:
    at_work = instance.get_runs_count(
        dg.RunsFilter(statuses=[one for one in UNFINISHED if one != dg.DagsterRunStatus.QUEUED])
    )
    backfills = [one for one in instance.get_backfills() if one.status not in BULK_ACTION_TERMINAL_STATUSES]
    if at_work or backfills:
        raise SetupError(
            str(layout.dagster_home),
            expected="no run and no backfill at work",
            found=f"{at_work:,} runs, {len(backfills):,} backfills",
            remedy="Let them end, or cancel them in the UI; then stop `asr-pipeline up` and type it again.",
        )


def _require_empty(there: Connection) -> None:
    counts = {name: count for name, count in table_rows.count(there).items() if count}
    dagsters = count_copied(there, SCHEMA)
    counts |= {f"{SCHEMA}.{name}": dagsters[name] for name in TELLING if dagsters[name]}
    if counts:
        raise SetupError(
            masked(there.engine.url),
            expected="an empty database",
            found=", ".join(f"{count:,} rows in {name}" for name, count in counts.items()),
            remedy="Make a new database and give its address.",
        )
    for name in dagsters:
        there.execute(sa.delete(sa.table(name, schema=SCHEMA)))
