"""Database errors, turned into errors that a person can act on: the one place that knows the drivers' codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, exc

from asr_pipeline.domain.errors import PipelineError, SettingInvalid, StorageFull, StoreUnavailable

# SQLSTATE classes and codes of PostgreSQL's manual, appendix A.
_AWAY_CLASSES = ("08", "53", "57", "58", "40", "55")  # connection, resources, operator, system, rollback, lock
_DISK_FULL = "53100"
# SQLite has a code of its own for a full disk alone; a quota, or a limit on the size of files, is a failed write to it.
_SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
_SQLITE_AWAY = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_PROTOCOL",
    "SQLITE_NOLFS",
)
_WRONG_SHAPE = frozenset({"42P01", "42703", "3F000"})  # no such table, column, schema
_REFUSED = frozenset({"28000", "28P01", "3D000", "42501"})  # user, password, no such database, no right
_SECRETS = frozenset({"password", "sslpassword", "passfile"})


def masked(url: URL) -> str:
    """Give a database's address without its password, for messages."""
    hidden = url.update_query_dict({key: "***" for key in url.query if key in _SECRETS})
    return hidden.render_as_string(hide_password=True)


@contextmanager
def database_errors(where: URL | Path) -> Iterator[None]:
    """Raise StoreUnavailable where the database is away or locked, StorageFull or SettingInvalid where that is why.

    `where` is its address, or a folder that it lies in: what the messages name.

    Any other database error is a defect of the program and passes as it is.
    """
    try:
        yield
    except exc.TimeoutError as error:
        raise _away(_subject(where), "no free connection in time") from error
    except exc.DBAPIError as error:
        explained = _explain(_subject(where), error)
        if explained is None:
            raise
        raise explained from error


def _subject(where: URL | Path) -> str:
    return str(where) if isinstance(where, Path) else masked(where)


def _explain(subject: str, error: exc.DBAPIError) -> PipelineError | None:
    cause = error.orig
    found = " ".join(str(cause).split())
    sqlstate = getattr(cause, "pgcode", None)
    name = getattr(cause, "sqlite_errorname", "")  # absent where Python's own sqlite3 raised it
    if sqlstate == _DISK_FULL or name in _SQLITE_FULL:
        return StorageFull(
            subject,
            expected="room to write",
            found=found,
            remedy="Free some space on the database's disk or raise the limit, then run it again.",
        )
    if sqlstate in _WRONG_SHAPE or (name == "SQLITE_ERROR" and found.startswith("no such")):
        return SettingInvalid(
            subject,
            expected="the tables of this version",
            found=found,
            remedy="Bring it up to date: any asr-pipeline command does so with its own when it starts, "
            "`dagster instance migrate` with Dagster's.",
        )
    if name in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
        return SettingInvalid(
            subject, expected="a sound database", found=found, remedy="Restore it from a backup, or set another file."
        )
    if sqlstate in _REFUSED:
        return SettingInvalid(
            subject,
            expected="a database that this user may use",
            found=found,
            remedy="Check user, password and database name in the database's address, and what that user may do there.",
        )
    return _away(subject, found) if _is_away(error, sqlstate, name) else None


def _is_away(error: exc.DBAPIError, sqlstate: str | None, sqlite_name: str) -> bool:
    if sqlite_name:
        return sqlite_name.startswith(_SQLITE_AWAY)
    if sqlstate:
        return sqlstate.startswith(_AWAY_CLASSES)
    return error.connection_invalidated or isinstance(error, (exc.OperationalError, exc.InterfaceError))


def _away(subject: str, found: str) -> StoreUnavailable:
    return StoreUnavailable(
        subject,
        expected="a database that answers",
        found=found,
        remedy="Check that it runs, that its address is right and that nothing holds it locked; it is tried again.",
    )
