"""Tables as lines of JSON, and back, or straight into another database: the same for both kinds.

A line is a row, its values in the order of the table's columns; moments are ISO 8601 in UTC, text is as it is stored.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from asr_pipeline.storage.tables import UtcTime, metadata

ROWS_AT_A_TIME = 5000
PART_BYTES = 4 << 20  # a table is cut into parts of about this size, so that none is held whole


def columns() -> dict[str, list[str]]:
    """Give each table's columns, parents before children."""
    return {table.name: [column.name for column in table.c] for table in metadata.sorted_tables}


def dump(connection: Connection, table_name: str) -> Iterator[bytes]:
    """Give a table's rows in parts."""
    table = metadata.tables[table_name]
    query = sa.select(*(_as_stored(column) for column in table.c)).order_by(*table.primary_key.columns)
    streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_A_TIME)
    part = bytearray()
    for rows in streamed.execute(query).partitions(ROWS_AT_A_TIME):
        for row in rows:
            part += json.dumps([_plain(value) for value in row], ensure_ascii=False, separators=(",", ":")).encode()
            part += b"\n"
            if len(part) >= PART_BYTES:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)


def load(connection: Connection, columns_of: Mapping[str, Sequence[str]], folder: Path) -> int:
    """Fill empty tables from the parts that lie in `folder`, a folder a table; gives the number of rows.

    The tables are taken as the database has them, so that those of an older version can be filled, then migrated.
    """
    found = sa.MetaData()
    found.reflect(connection, only=list(columns_of))
    count = 0
    for table in found.sorted_tables:
        names = columns_of[table.name]
        kinds = [isinstance(table.c[name].type, sa.DateTime) for name in names]
        for part in sorted((folder / table.name).glob("*.ndjson")):
            with part.open("rb") as lines:
                while rows := [_values(line, names, kinds, connection) for line in islice(lines, ROWS_AT_A_TIME)]:
                    connection.execute(sa.insert(table), rows)
                    count += len(rows)
        _continue_numbers(connection, table)
    return count


def copy(source: Connection, target: Connection, advance: Callable[[int], None]) -> dict[str, int]:
    """Fill empty tables from those of another database of the same version; gives the number of rows by table.

    `advance` hears of rows. Rows are as they are stored, with their numbers; new ones are numbered after them.
    """
    found = sa.MetaData()
    found.reflect(target, only=list(columns()))
    counts: dict[str, int] = {}
    for table in metadata.sorted_tables:
        query = sa.select(*(_as_stored(column) for column in table.c)).order_by(*table.primary_key.columns)
        streamed = source.execution_options(stream_results=True, max_row_buffer=ROWS_AT_A_TIME).execute(query)
        counts[table.name] = 0
        for rows in streamed.mappings().partitions(ROWS_AT_A_TIME):
            target.execute(sa.insert(found.tables[table.name]), [dict(row) for row in rows])
            counts[table.name] += len(rows)
            advance(len(rows))
        _continue_numbers(target, table)
    return counts


def count(connection: Connection) -> dict[str, int]:
    """Give the number of rows by table."""
    return {
        table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for table in metadata.sorted_tables
    }


def _as_stored(column: "sa.Column[Any]") -> "sa.ColumnElement[Any]":
    if isinstance(column.type, (UtcTime, sa.Integer, sa.Float)):
        return column
    return sa.type_coerce(column, sa.Text).label(column.name)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _values(line: bytes, names: Sequence[str], moments: Sequence[bool], connection: Connection) -> dict[str, object]:
    values = json.loads(line)
    return {
        name: _moment(value, connection) if is_moment and value is not None else value
        for name, value, is_moment in zip(names, values, moments, strict=True)
    }


def _moment(text: str, connection: Connection) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment.replace(tzinfo=None) if connection.dialect.name == "sqlite" else moment


def _continue_numbers(connection: Connection, table: sa.Table) -> None:
    """Let PostgreSQL number new rows after those that were loaded; SQLite does so by itself."""
    if connection.dialect.name != "postgresql" or "number" not in table.primary_key.columns:
        return
    sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, "number"))).scalar()
    last = connection.execute(sa.select(sa.func.max(table.c.number))).scalar()
    if sequence is not None and last is not None:
        connection.execute(sa.select(sa.func.setval(sequence, last)))
