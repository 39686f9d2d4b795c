"""The ledger of arrivals, in SQL: every file that was ever offered, and what became of it."""

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.arrival import STAYING, Arrival, Outcome, Way
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import in_chunks, insert_into
from asr_pipeline.storage.tables import arrivals
from asr_pipeline.storage.text import storable

FileLook = tuple[str, int, int]  # path, size in bytes, time of change in nanoseconds


class SqlArrivals:
    """The ledger, over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, given: Iterable[Arrival]) -> None:
        """Note arrivals. The same file, unchanged, is one arrival: what became of it last stands, with two exceptions.

        What was accepted once stays so, and what a person has given up does when an import is repeated.
        """
        with writing(self._engine) as connection:
            put_arrivals(connection, given)

    def known(self, looks: Sequence[FileLook]) -> Mapping[FileLook, Arrival]:
        """Give what became of these files, of those that were offered before and have not changed since."""
        look_of = {_key(*look): look for look in looks}
        found: dict[FileLook, Arrival] = {}
        with reading(self._engine) as connection:
            for keys in in_chunks(list(look_of)):
                query = sa.select(arrivals).where(arrivals.c.key_sha256.in_(keys))
                found |= {look_of[row.key_sha256]: _as_arrival(row) for row in connection.execute(query)}
        return found

    def of_recording(self, recording_id: str) -> list[Arrival]:
        """Give the files that were this recording, in the order in which they came: all the names it had."""
        return self._select(arrivals.c.recording_id == recording_id)

    def with_outcome(self, outcome: Outcome) -> list[Arrival]:
        """Give the arrivals that ended so, in the order in which they came."""
        return self._select(arrivals.c.outcome == outcome.value)

    def _select(self, condition: "sa.ColumnElement[bool]") -> list[Arrival]:
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(arrivals).where(condition).order_by(arrivals.c.number))
            return [_as_arrival(row) for row in rows]


def put_arrivals(connection: Connection, given: Iterable[Arrival]) -> None:
    """Note arrivals in a transaction that is open."""
    given = list(given)
    now = dt.datetime.now(dt.UTC)
    rows = {
        _key(one.path, one.size_bytes, one.mtime_ns): {
            "path": one.path,
            "size_bytes": one.size_bytes,
            "mtime_ns": one.mtime_ns,
            "way": one.way.value,
            "outcome": one.outcome.value,
            "recording_id": one.recording_id,
            "reason": one.reason,
            "arrived_at": now,
        }
        for one in given
    }
    if rows:
        insert, old = insert_into(connection, arrivals), arrivals.c
        new = insert.excluded
        was_taken = (old.outcome == Outcome.ACCEPTED.value) & (new.outcome != Outcome.ACCEPTED.value)
        was_given_up = (old.outcome == Outcome.DROPPED.value) & (new.outcome == Outcome.REFUSED.value)
        upsert = insert.on_conflict_do_update(
            index_elements=["key_sha256"],
            set_={name: new[name] for name in ("outcome", "recording_id", "reason")},
            where=~(was_taken | (was_given_up & (new.way == Way.IMPORT.value))),
        )
        connection.execute(upsert, [{"key_sha256": key, **row} for key, row in sorted(rows.items())])
        _accept_mended(
            connection, {one.path: one.recording_id for one in given if one.recording_id and one.way in STAYING}
        )


def _accept_mended(connection: Connection, recording_of: Mapping[str, str]) -> None:
    """Accept with a file what was refused at its path before: it was mended there, and nothing is left of that."""
    staying = (arrivals.c.outcome == Outcome.REFUSED.value) & arrivals.c.way.in_([way.value for way in STAYING])
    for paths in in_chunks(list(recording_of)):
        mended = connection.execute(
            sa.select(arrivals.c.number, arrivals.c.path).where(staying, arrivals.c.path.in_(paths))
        ).all()
        for number, path in mended:
            accepted = {"outcome": Outcome.ACCEPTED.value, "recording_id": recording_of[path], "reason": None}
            connection.execute(sa.update(arrivals).where(arrivals.c.number == number).values(accepted))


def latest(engine: Engine, way: Way) -> str | None:
    """Give the recording that came last, by one way."""
    query = sa.select(arrivals.c.recording_id).where(arrivals.c.way == way.value, arrivals.c.recording_id.is_not(None))
    with reading(engine) as connection:
        found: str | None = connection.execute(query.order_by(arrivals.c.number.desc()).limit(1)).scalar()
    return found


def _key(path: str, size_bytes: int, mtime_ns: int) -> str:
    """Hash a look: paths can be longer than what a database can index."""
    return hashlib.sha256(json.dumps([storable(path), size_bytes, mtime_ns]).encode()).hexdigest()


def _as_arrival(row: "sa.Row[tuple[object, ...]]") -> Arrival:
    return Arrival(
        path=row.path,
        size_bytes=row.size_bytes,
        mtime_ns=row.mtime_ns,
        way=Way(row.way),
        outcome=Outcome(row.outcome),
        recording_id=row.recording_id,
        reason=row.reason,
        arrived_at=row.arrived_at,
    )
