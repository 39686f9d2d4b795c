"""A backup of the whole house while it is at work: Dagster's home, the database and the files.

In this order, so that each part names only what a later one has: what Dagster was told is committed in SQL before,
and what SQL names lies on disk before. What is committed meanwhile is in the next backup.
"""

import datetime as dt
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline import __version__
from asr_pipeline.domain.errors import StorageFull, StoreUnavailable
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.storage import migrations, table_rows
from asr_pipeline.storage.atomic import atomic_path, partial_file
from asr_pipeline.storage.backup_archive import (
    AFTERWARDS,
    DATABASE,
    FILE_FOLDERS,
    FORMAT,
    HEADER,
    ArchiveWriter,
    writer,
)
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.tables import SHA256_CHARS, recordings
from asr_pipeline.storage.text import storable
from asr_pipeline.storage.tree import FileEntry, entries, files_below, size_of

CLOCKS_APART = dt.timedelta(hours=1)  # between this machine and the database's
SQLITE_WAIT_S = 30
_SQLITE_MAGIC = b"SQLite format 3\0"
_SQLITE_SIDE_FILES = ("-wal", "-shm", "-journal")
_NO_ROOM = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE"})
_LOCK_PREFIX = ".lock-"


@dataclass
class BackupReport:
    """What a backup holds, and what it does not: originals that lie elsewhere, and files that vanished meanwhile."""

    members: int = 0
    size_bytes: int = 0
    outside: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def estimate_bytes(layout: Layout, *, models: bool) -> int:
    """Give about how many bytes of files a backup will read."""
    return sum(size_of(entry) for _, entry in chain(files_below(layout.dagster_home), _files(layout, models=models)))


def back_up(
    engine: Engine, layout: Layout, destination: Path, *, models: bool, advance: Callable[[int], None]
) -> BackupReport:
    """Write a backup to `destination`, whole or not at all, in constant memory.

    `advance` hears of bytes that were read. Raises StorageFull, StoreUnavailable, SetupError.
    """
    report = BackupReport()
    started = dt.datetime.now(dt.UTC)
    with (
        atomic_path(destination) as partial,
        tempfile.TemporaryFile(dir=destination.parent) as manifest,
        writer(partial, manifest, advance) as archive,
    ):
        archive.add_bytes(HEADER, _header(engine, layout, started))
        _add_dagster(archive, layout, destination.parent, report)
        late = _Late(engine, layout, last_number=_add_database(archive, engine, report), since=started)
        for path, entry in _files(layout, models=models):
            if not late.is_late(path, entry) and not archive.add_file(_member(layout, path), path):
                report.left_out.append(storable(layout.relative(path)))
        archive.add_bytes(AFTERWARDS, _afterwards(engine, started, report))
        archive.add_manifest()
        report.members, report.size_bytes = archive.members, archive.size_bytes
    return report


def _header(engine: Engine, layout: Layout, started: dt.datetime) -> bytes:
    header = {
        "format": FORMAT,
        "program": __version__,
        "revision": migrations.HEAD,
        "database": engine.dialect.name,
        "made_at": started.isoformat(),
        "dagster_home": storable(str(layout.dagster_home)),
        "tables": table_rows.columns(),
    }
    return json.dumps(header, indent=2).encode()


def _afterwards(engine: Engine, started: dt.datetime, report: BackupReport) -> bytes:
    """Give what changed while the files were read: originals that were removed to keep to the retention setting."""
    query = sa.select(recordings.c.recording_id, recordings.c.original_removed_at).where(
        recordings.c.original_removed_at >= started - CLOCKS_APART
    )
    with reading(engine) as connection:
        removed = {recording_id: moment.isoformat() for recording_id, moment in connection.execute(query)}
    return json.dumps(
        {"originals_removed": removed, "outside": report.outside, "left_out": report.left_out}, indent=2
    ).encode()


def _add_dagster(archive: ArchiveWriter, layout: Layout, scratch: Path, report: BackupReport) -> None:
    """Add Dagster's home: its databases as SQLite's own backup gives them, other files as they are."""
    for path, entry in _whole_files(layout.dagster_home):
        name = _member(layout, path)
        if entry.name.endswith(_SQLITE_SIDE_FILES):
            continue
        if _is_sqlite(path):
            with partial_file(scratch) as copy:
                added = _copy_sqlite(path, copy) and archive.add_file(name, copy)
        else:
            added = archive.add_file(name, path)
        if not added:
            report.left_out.append(storable(layout.relative(path)))


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC
    except OSError:
        return False  # gone, or not to be read: adding it tells


def _copy_sqlite(path: Path, copy: Path) -> bool:
    """Copy one state of a database, whoever writes to it; False where it is gone by now."""
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=SQLITE_WAIT_S)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        if not path.exists():
            return False
        if getattr(error, "sqlite_errorname", None) in _NO_ROOM:
            raise StorageFull(
                str(copy.parent),
                expected=f"room for a copy of {path.name}",
                found="none",
                remedy="Free some space or raise the limit, then make the backup again.",
            ) from error
        raise StoreUnavailable(
            str(path),
            expected="a database that can be copied",
            found=str(error),
            remedy="Check that nothing holds it locked, then make the backup again.",
        ) from error
    return True


def _add_database(archive: ArchiveWriter, engine: Engine, report: BackupReport) -> int:
    """Add every table, all of one state of the database, and note which originals lie outside.

    Gives the number of the recording that was registered last.
    """
    outside = sa.select(recordings.c.source).where(recordings.c.source.startswith("/")).order_by(recordings.c.number)
    with reading(engine) as connection:
        for table in table_rows.columns():
            for number, part in enumerate(table_rows.dump(connection, table)):
                archive.add_bytes(f"{DATABASE}/{table}/{number:06}.ndjson", part)
        report.outside = [storable(source) for source in connection.execute(outside).scalars()]
        return connection.execute(sa.select(sa.func.max(recordings.c.number))).scalar() or 0


class _Late:
    """Tells the files of recordings that were registered after the tables were read: no row would name them."""

    def __init__(self, engine: Engine, layout: Layout, *, last_number: int, since: dt.datetime) -> None:
        self._engine, self._layout, self._last_number = engine, layout, last_number
        self._since_s = (since - CLOCKS_APART).timestamp()
        self._is_known = lru_cache(maxsize=1000)(self._look_up)

    def is_late(self, path: Path, entry: "os.DirEntry[str]") -> bool:
        """Tell whether a file came after the tables were read."""
        layout = self._layout
        try:
            if entry.stat(follow_symlinks=False).st_ctime < self._since_s:
                return False
        except FileNotFoundError:
            return False  # adding it tells
        if path.is_relative_to(layout.originals):
            return not self._is_known(recordings.c.sha256, path.name[:SHA256_CHARS])
        if path.is_relative_to(layout.audio):
            return not self._is_known(recordings.c.recording_id, path.stem)
        if path.is_relative_to(layout.results):
            return not self._is_known(recordings.c.recording_id, path.parent.name)
        return False

    def _look_up(self, column: "sa.Column[str]", value: str) -> bool:
        query = sa.select(recordings.c.number).where(column == storable(value))
        with reading(self._engine) as connection:
            number = connection.execute(query).scalar()
        return number is not None and number <= self._last_number


def _files(layout: Layout, *, models: bool) -> Iterator[FileEntry]:
    for name in FILE_FOLDERS:
        yield from _whole_files(layout.data_dir / name)
    if models:
        yield from _pulled(layout)


def _member(layout: Layout, path: Path) -> str:
    return path.relative_to(layout.data_dir).as_posix()


def _whole_files(folder: Path) -> Iterator[FileEntry]:
    """Give the files below a folder, without those that are not whole yet, and locks."""
    return (one for one in files_below(folder) if not one[1].name.startswith((PARTIAL_PREFIX, _LOCK_PREFIX)))


def _pulled(layout: Layout) -> Iterator[FileEntry]:
    """Give the files of models that were pulled; what was unpacked from them is made again."""
    for entry in entries(layout.models):
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            yield from _whole_files(Path(entry.path))
