"""A backup, put back: everything is unpacked and checked first, then put in place at once.

The tables are filled in one transaction, in which the folders are renamed into place; after an error the folders go
back and nothing is committed.
"""

import datetime as dt
import json
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.storage import table_rows
from asr_pipeline.storage.archive import lock
from asr_pipeline.storage.atomic import storage_errors
from asr_pipeline.storage.backup_archive import (
    AFTERWARDS,
    DAGSTER,
    DATABASE,
    FILE_FOLDERS,
    FORMAT,
    HEADER,
    MODELS,
    damaged,
    unpack,
)
from asr_pipeline.storage.database import migrate, reading, revision, upgrade, writing
from asr_pipeline.storage.faults import masked
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.tables import arrivals, recordings
from asr_pipeline.storage.text import original

_STAGING = f"{PARTIAL_PREFIX}restore-"
_RUNS = Path("history") / "runs.db"


@dataclass(frozen=True)
class RestoreReport:
    """What was restored. `outside` are originals that lay elsewhere, and were never in the backup."""

    made_at: str
    rows: int
    outside: list[str]
    left_out: list[str]


def restore(
    engine: Engine, layout: Layout, archive: Path, *, force: bool, advance: Callable[[int], None]
) -> RestoreReport:
    """Put a backup into an empty data folder and an empty database, of whichever kind; whole or not at all.

    `force`: what is there already is replaced. `advance` hears of bytes of the archive that were read. Raises
    SetupError where the archive is damaged or the target not empty, StorageFull, StoreUnavailable.
    """
    with storage_errors(layout.data_dir), lock(layout.data_dir / "restore"), _staging(layout) as staging:
        if not force:
            _require_no_files(layout)
            _require_no_rows(engine)
        unpack(archive, staging, advance)
        header = _read(archive, staging, HEADER, {"dagster_home", "revision", "tables", "made_at"})
        afterwards = _read(archive, staging, AFTERWARDS, {"originals_removed", "outside", "left_out"})
        _move_home(staging, original(header["dagster_home"]), layout.dagster_home)
        _make_tables(engine, header["revision"])
        os.sync()
        with _Placement(staging, layout) as placement, writing(engine) as connection:
            _empty(connection, force=force, tables=list(header["tables"]))
            rows = table_rows.load(connection, header["tables"], staging / DATABASE)
            _note_removed(connection, afterwards["originals_removed"])
            placement.place()
        upgrade(engine)
    return RestoreReport(header["made_at"], rows, afterwards["outside"], afterwards["left_out"])


@contextmanager
def _staging(layout: Layout) -> Iterator[Path]:
    """Give a folder to unpack into, on the disk of the data folder; what a killed restore left there is removed."""
    for leftover in layout.data_dir.glob(f"{_STAGING}*"):
        shutil.rmtree(leftover)
    folder = layout.data_dir / f"{_STAGING}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(archive: Path, staging: Path, name: str, needed: set[str]) -> dict[str, Any]:
    """Read one of the two members that tell about the others."""
    try:
        read = json.loads((staging / name).read_bytes())
    except (FileNotFoundError, ValueError) as error:
        raise damaged(archive, f"one without a readable {name}") from error
    if not isinstance(read, dict) or not needed <= read.keys() or read.get("format", FORMAT) != FORMAT:
        raise damaged(archive, f"one whose {name} has another form")
    return read


def _require_no_files(layout: Layout) -> None:
    for name in FILE_FOLDERS:
        folder = layout.data_dir / name
        found = next((file for _, _, files in os.walk(folder) for file in files), None)
        if found is not None:
            raise _not_empty(str(folder), f"{found!r} and perhaps more")
    runs = layout.dagster_home / _RUNS
    if runs.exists():
        with closing(sqlite3.connect(runs)) as connection:
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
            count = connection.execute("SELECT count(*) FROM runs").fetchone()[0] if tables else 0
        if count:
            raise _not_empty(str(layout.dagster_home), f"{count:,} runs of Dagster")


def _require_no_rows(engine: Engine) -> None:
    if revision(engine) is None:
        return
    with reading(engine) as connection:
        for table in (recordings, arrivals):
            count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            if count:
                raise _not_empty(masked(engine.url), f"{count:,} rows in {table.name}")


def _not_empty(subject: str, found: str) -> SetupError:
    return SetupError(
        subject,
        expected="an empty data folder and an empty database",
        found=found,
        remedy="Set ASR_PIPELINE_DATA_DIR and ASR_PIPELINE_DATABASE_URL to empty ones; --force replaces what is there.",
    )


def _make_tables(engine: Engine, wanted: str) -> None:
    """Make the tables as they were when the backup was made."""
    found = revision(engine)
    if found is None:
        migrate(engine, wanted)
    elif found != wanted:
        raise SettingInvalid(
            masked(engine.url),
            expected=f"a database without tables, or with those of version {wanted}",
            found=f"those of version {found}",
            remedy="Give a new database.",
        )


def _empty(connection: Connection, *, force: bool, tables: list[str]) -> None:
    """Empty the tables, or make sure that they are empty."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    found = sa.MetaData()
    found.reflect(connection, only=tables)
    for table in reversed(found.sorted_tables):
        if force:
            connection.execute(sa.delete(table))
        elif connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() is not None:
            raise _not_empty(masked(connection.engine.url), f"rows in {table.name}")


def _note_removed(connection: Connection, moments: dict[str, str]) -> None:
    """Note the originals that were removed, to keep to the retention setting, while the backup was made."""
    for recording_id, moment in moments.items():
        connection.execute(
            sa.update(recordings)
            .where(recordings.c.recording_id == recording_id, recordings.c.original_removed_at.is_(None))
            .values(original_removed_at=dt.datetime.fromisoformat(moment))
        )


def _move_home(staging: Path, old: str, new: Path) -> None:
    """Let Dagster's settings name the folder where they lie now."""
    settings = staging / DAGSTER / "dagster.yaml"
    if settings.exists():
        settings.write_text(settings.read_text(encoding="utf-8").replace(old, str(new)), encoding="utf-8")


class _Placement:
    """Puts unpacked folders in place; takes them back where an error follows."""

    def __init__(self, staging: Path, layout: Layout) -> None:
        self._staging, self._layout = staging, layout
        self._moved: list[tuple[Path, Path]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            for source, target in reversed(self._moved):
                target.rename(source)

    def place(self) -> None:
        """Move what is there aside, where it is deleted with the rest of the unpacking, and the new in its place."""
        aside = self._staging / "replaced"
        aside.mkdir()
        for name in (DAGSTER, *FILE_FOLDERS):
            target, source = self._layout.data_dir / name, self._staging / name
            if target.exists():
                self._move(target, aside / name)
            if source.exists():
                self._move(source, target)
        self._layout.models.mkdir(exist_ok=True)
        models = self._staging / MODELS
        for source in sorted(models.iterdir()) if models.exists() else ():
            target = self._layout.models / source.name
            if not target.exists():
                self._move(source, target)

    def _move(self, source: Path, target: Path) -> None:
        try:
            source.rename(target)
        except OSError as error:
            raise SetupError(
                str(source),
                expected=f"a folder that can be renamed to {target}",
                found=error.strerror or str(error),
                remedy="Let the data folder be one disk, without mounts in it; nothing was restored.",
            ) from error
        self._moved.append((source, target))
