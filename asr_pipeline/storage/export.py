"""Tables as Parquet or CSV, through pandas, in bounded memory.

Rows say `recording_id` in place of the database's own number, in the order of the primary key. Text is as it is
stored (see `text`). A spreadsheet runs a CSV cell that starts with `=`, `+`, `-` or `@` as a formula, and a file's name
may start so: import a CSV's columns as text. Nothing is altered here, so that a CSV read back equals the table.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.storage.atomic import atomic_write
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import UtcTime, metadata, recordings

ROWS_AT_A_TIME = 20_000


def export_table(engine: Engine, name: str, path: Path, file_format: str) -> int:
    """Write a table to `path`, whole or not at all; gives the number of rows.

    `file_format` is "parquet" or "csv" (UTF-8, a header, times as ISO 8601). Raises SettingInvalid for a table or a
    format that is not there, StorageFull, StoreUnavailable.
    """
    table = metadata.tables.get(name)
    if table is None:
        raise _unknown("table", name, sorted(metadata.tables))
    write = _WRITERS.get(file_format)
    if write is None:
        raise _unknown("format", file_format, sorted(_WRITERS))
    with atomic_write(path) as file:
        return write(file, _schema(table), _frames(engine, table))


def _schema(table: sa.Table) -> pa.Schema:
    """Give each exported column its type, so that a part with nothing but nulls has the type of the others."""
    return pa.schema([_field(column) for column in table.c])


def _field(column: "sa.Column[object]") -> pa.Field:
    if column.name == "recording_number":
        return pa.field("recording_id", pa.string(), nullable=False)
    kinds = (
        (UtcTime, pa.timestamp("us", tz="UTC")),
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        (sa.Float, pa.float64()),
    )
    for kind, arrow in kinds:
        if isinstance(column.type, kind):
            return pa.field(column.name, arrow, nullable=column.nullable)
    return pa.field(column.name, pa.string(), nullable=column.nullable)


def _frames(engine: Engine, table: sa.Table) -> Iterator[pd.DataFrame]:
    """Read the table in parts, all of one state of the database."""
    columns = [
        recordings.c.recording_id if column.name == "recording_number" else _as_stored(column) for column in table.c
    ]
    query = sa.select(*columns).order_by(*table.primary_key.columns)
    if "recording_number" in table.c:
        query = query.join_from(table, recordings, recordings.c.number == table.c.recording_number)
    with reading(engine) as connection:
        streamed = connection.execution_options(stream_results=True, max_row_buffer=ROWS_AT_A_TIME)
        result = streamed.execute(query)
        names = list(result.keys())
        for rows in result.partitions(ROWS_AT_A_TIME):
            yield pd.DataFrame.from_records([tuple(row) for row in rows], columns=names)


def _as_stored(column: "sa.Column[Any]") -> "sa.ColumnElement[Any]":
    """Give text as the database holds it; times and numbers as they are."""
    if isinstance(column.type, (UtcTime, sa.Boolean, sa.Integer, sa.Float)):
        return column
    return sa.type_coerce(column, sa.Text).label(column.name)


def _write_parquet(file: BinaryIO, schema: pa.Schema, frames: Iterator[pd.DataFrame]) -> int:
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for frame in frames:
            writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
            count += len(frame)
    return count


def _write_csv(file: BinaryIO, schema: pa.Schema, frames: Iterator[pd.DataFrame]) -> int:
    pd.DataFrame(columns=schema.names).to_csv(file, index=False)
    count = 0
    for frame in frames:
        for name in schema.names:
            if pa.types.is_timestamp(schema.field(name).type):
                frame[name] = [None if pd.isna(moment) else moment.isoformat() for moment in frame[name]]
            elif pa.types.is_integer(schema.field(name).type):
                frame[name] = frame[name].astype("Int64")
        frame.to_csv(file, index=False, header=False, lineterminator="\n")
        count += len(frame)
    return count


def _unknown(what: str, found: str, known: list[str]) -> SettingInvalid:
    return SettingInvalid(
        f"the {what} to export", expected=f"one of {', '.join(known)}", found=found, remedy="Give one of these."
    )


_WRITERS: dict[str, Callable[[BinaryIO, pa.Schema, Iterator[pd.DataFrame]], int]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
}
