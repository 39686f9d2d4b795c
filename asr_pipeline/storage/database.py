"""Opening a database, reading and writing it in transactions, and bringing its tables up to date.

SQLite: write-ahead log, so that readers and one writer don't wait for each other; every commit is synced to disk, so
that neither `kill -9` nor a loss of power loses what Dagster was told is done. A write starts with BEGIN IMMEDIATE
and waits up to `LOCK_WAIT_S` for its turn: it can't fail as locked in mid-transaction. The file must lie on a local
disk. PostgreSQL: reads see one snapshot, and statements that take too long are given up.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.storage import migrations
from asr_pipeline.storage.faults import database_errors, masked

LOCK_WAIT_S = 30
CONNECT_MAX_S = 10
UPGRADE_LOCK = 0x6173725F70697065  # "asr_pipe": the advisory lock that upgrades of PostgreSQL take
_WRITES = "asr_pipeline_writes"  # execution option of connections that write
_alembic = threading.Lock()  # Alembic's `op` and `context` are one per process


def sqlite_url(path: Path) -> URL:
    """Give the address of a SQLite file, whatever characters its path has."""
    return URL.create("sqlite", database=str(path))


def open_database(
    url: str | URL, *, pool_size: int = 5, statement_timeout_s: float = 120, schema: str | None = None
) -> Engine:
    """Make an engine; connects at first use. Dispose of it when done, and make a new one after a fork.

    `url` is `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`. Of PostgreSQL alone: `pool_size` connections
    are kept and ten more are made when needed, and `schema` is the one whose tables are meant. Raises SettingInvalid
    for any other address; its password is in no message.
    """
    address = address_of(url)
    if address.get_backend_name() == "sqlite":
        engine = sa.create_engine(address, hide_parameters=True, pool_size=pool_size, pool_timeout=LOCK_WAIT_S)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = sa.create_engine(
        address,
        hide_parameters=True,
        pool_size=pool_size,
        pool_timeout=LOCK_WAIT_S,
        pool_pre_ping=True,
        connect_args={"connect_timeout": CONNECT_MAX_S},
    )
    prepare = partial(_prepare_postgresql, statement_timeout_s=statement_timeout_s, schema=schema)
    event.listen(engine, "connect", prepare, insert=True)  # before SQLAlchemy looks which schema it is in
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection whose queries all see one state of the database. Errors as `database_errors`."""
    options = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    with database_errors(engine.url), engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction: committed at the end, undone after an error. Errors as `reading`."""
    with database_errors(engine.url), _writer(engine).begin() as connection:
        yield connection


@lru_cache(maxsize=8)
def _writer(engine: Engine) -> Engine:
    return engine.execution_options(**{_WRITES: True})


def upgrade(engine: Engine) -> None:
    """Bring the tables up to date. One query where they are; safe where many processes start at once.

    Raises SettingInvalid where the database was made by a newer version of the program, or is not ours.
    """
    if revision(engine) != migrations.HEAD:
        migrate(engine, migrations.HEAD)


def migrate(engine: Engine, wanted: str) -> None:
    """Migrate to a revision, up or down ("base": no tables), in one transaction that others wait for."""
    from alembic import command  # noqa: PLC0415 - a tenth of a second, and tables are up to date nearly always
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    with _alembic, writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(UPGRADE_LOCK)))
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
        try:
            if wanted == "base":
                command.downgrade(config, wanted)
            else:
                command.upgrade(config, wanted)
        except CommandError as error:
            raise SettingInvalid(
                masked(engine.url),
                expected=f"a database of version {migrations.HEAD} or older",
                found=str(error),
                remedy="Install the newest asr-pipeline, or set another database.",
            ) from error


def revision(engine: Engine) -> str | None:
    """Give the version that the database says it has, None where it has none."""
    try:
        with engine.connect() as connection:
            found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return found
    except exc.DBAPIError:
        return None  # no such table; a database that is away shows when the upgrade begins


def address_of(url: str | URL) -> URL:
    """Give a database's address with the driver that is used. Raises SettingInvalid."""
    if isinstance(url, str) and url.partition("?")[0].count("@") > 1:
        raise SettingInvalid(
            "the database's address",
            expected="one @, before the host",
            found="several: the password's own characters are taken for the host",
            remedy="Write special characters of user and password as %NN: @ is %40, / is %2F, : is %3A, % is %25.",
        )
    try:
        address = make_url(url)
    except (exc.ArgumentError, ValueError):
        address = URL.create("unreadable")
    backend = address.get_backend_name()
    if backend not in {"sqlite", "postgresql", "postgres"} or address.database in {None, "", ":memory:"}:
        raise SettingInvalid(
            "the database's address",
            expected="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME",
            found=f"one of kind {backend!r}, database {address.database!r}",
            remedy="Set ASR_PIPELINE_DATABASE_URL, or leave it out to use SQLite in the data folder.",
        )
    # A bare "postgresql" means psycopg 3 from SQLAlchemy 2.1 on; Dagster brings psycopg2.
    return address.set(drivername="postgresql+psycopg2") if backend.startswith("postgres") else address


def _prepare_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    connection.execute(f"PRAGMA busy_timeout = {LOCK_WAIT_S * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    _use_write_ahead_log(connection)


def _use_write_ahead_log(connection: DBAPIConnection) -> None:
    """Switch the journal. SQLite does not wait for its turn here, so this does."""
    deadline_s = time.monotonic() + LOCK_WAIT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _prepare_postgresql(
    connection: DBAPIConnection, _entry: ConnectionPoolEntry, *, statement_timeout_s: float, schema: str | None
) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = {round(statement_timeout_s * 1000)}")
    cursor.execute(f"SET lock_timeout = '{LOCK_WAIT_S}s'")
    cursor.execute("SET timezone = 'UTC'")
    if schema is not None:
        cursor.execute(f"SET search_path = {schema}")
    cursor.close()
    connection.commit()
