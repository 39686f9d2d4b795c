"""Connections of Dagster's storage to PostgreSQL: kept, patient with a server that is restarted, held for a while.

dagster-postgres connects anew for each group of statements, and gives up after a few seconds where the server is away.
"""

import functools
import inspect
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
import stamina
from sqlalchemy import exc
from sqlalchemy.engine import Connection

from asr_pipeline.storage.database import open_database

AWAY_MAX_S = 90.0  # a server that is restarted is back by then
T = TypeVar("T")


class Connections:
    """One pool for the three storages. A thread may hold one connection for all that it does meanwhile."""

    def __init__(self, url: str, schema: str, *, pool_size: int, statement_timeout_s: float) -> None:
        engine = open_database(url, pool_size=pool_size, statement_timeout_s=statement_timeout_s, schema=schema)
        self.engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self.patience_s = 0.0  # for a server that is away
        self._of_thread = threading.local()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Give the connection that this thread holds, or another, whose statements are committed one by one."""
        held: Connection | None = getattr(self._of_thread, "held", None)
        if held is not None:
            yield held
            return
        with self._connected() as connection:
            yield connection

    @contextmanager
    def hold(self, lock: int) -> Iterator[Connection]:
        """Have everything that this thread does meanwhile in one transaction, which begins by taking a lock."""
        with self._connected() as connection:
            connection.execution_options(isolation_level="READ COMMITTED")
            with connection.begin():
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
                self._of_thread.held = connection
                try:
                    yield connection
                finally:
                    del self._of_thread.held

    def again(self, do: Callable[[], T]) -> T:
        """Do something, again where the connection was lost on its way. A transaction is left to who began it."""
        if getattr(self._of_thread, "busy", False) or hasattr(self._of_thread, "held"):
            return do()
        self._of_thread.busy = True
        try:
            for attempt in stamina.retry_context(on=_lost, attempts=3, wait_initial=0.1, wait_max=1.0):
                with attempt:
                    return do()
        finally:
            self._of_thread.busy = False
        raise AssertionError("stamina ends by returning or raising")

    def _connected(self) -> Connection:
        if not self.patience_s:
            return self.engine.connect()
        for attempt in stamina.retry_context(
            on=exc.OperationalError, attempts=None, timeout=self.patience_s, wait_initial=0.1, wait_max=2.0
        ):
            with attempt:
                return self.engine.connect()
        raise AssertionError("stamina ends by returning or raising")


def _lost(error: Exception) -> bool:
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def patient(storage: type[T]) -> type[T]:
    """Have each public method done again where the server went away in its middle.

    What was committed in that moment is then written twice: an event more in the log.
    """
    for name in dir(storage):
        method = inspect.getattr_static(storage, name)
        if inspect.isfunction(method) and not name.startswith("_"):
            setattr(storage, name, _patiently(method))
    return storage


def _patiently(method: Callable[..., T]) -> Callable[..., T]:
    @functools.wraps(method)
    def done_again(self: Any, *args: Any, **kwargs: Any) -> T:  # noqa: ANN401 - any method of Dagster's
        return self.connections.again(lambda: method(self, *args, **kwargs))  # type: ignore[no-any-return]

    return done_again
