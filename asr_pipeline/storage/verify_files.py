"""Whether the files are there that the rows name, and none that no row names.

A shard at a time (`storage.layout`), so that memory does not grow with the archive. The pipeline may be at work
meanwhile: what seems wrong is looked at a second time, and young files may get their row yet.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.ledger import Finding, FindingKind
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import SHARD_CHARS, Layout
from asr_pipeline.storage.tables import audio, recordings, subtitles
from asr_pipeline.storage.tree import FileEntry, entries, files_below
from asr_pipeline.storage.verify_leftovers import layout_text, missing_refused, stale_partial_files

YOUNG_S = 3600
PUT_BACK = "Put the file back, from a backup or from where it came."
_ORIGINALS = frozenset({FindingKind.ORIGINAL_MISSING, FindingKind.ORIGINAL_ALTERED})


@dataclass(frozen=True)
class FileChecks:
    """How files are looked at. `deep`: originals are read, and their SHA-256 compared, by `threads` at once."""

    deep: bool = False
    threads: int = 2
    young_s: float = YOUNG_S


@dataclass(frozen=True)
class _Named:
    """A file that a row names."""

    recording_id: str
    kind: FindingKind
    size_bytes: int | None = None
    sha256: str | None = None


def verify_files(
    engine: Engine, layout: Layout, checks: FileChecks, advance: Callable[[int], None]
) -> Iterator[Finding]:
    """Give what is wrong with files; `advance` hears how many recordings' files were looked at."""
    with ThreadPoolExecutor(checks.threads, "hash") as threads:
        for shard in _shards(engine, layout):
            named, findings = _compare(engine, layout, shard, checks)
            if findings:
                named, again = _compare(engine, layout, shard, checks)
                findings = [finding for finding in findings if finding in again]
            yield from findings
            if checks.deep:
                wrong = {finding.subject for finding in findings if finding.kind in _ORIGINALS}
                originals = {path: one for path, one in named.items() if one.sha256 and one.recording_id not in wrong}
                for altered in threads.map(_altered, originals, originals.values()):
                    if altered is not None:
                        yield altered
            advance(len({one.recording_id for one in named.values()}))
    yield from stale_partial_files(layout, checks.young_s)
    yield from missing_refused(engine, layout)


def _shards(engine: Engine, layout: Layout) -> list[str]:
    """Give the names of all shards, in SQL and on disk; files that lie in none count as a shard of no name."""
    prefix = sa.func.substr(recordings.c.sha256, 1, SHARD_CHARS)
    with reading(engine) as connection:
        shards = set(connection.execute(sa.select(prefix).distinct()).scalars())
    for folder in _sharded(layout):
        shards.update(entry.name for entry in entries(folder) if entry.is_dir(follow_symlinks=False))
    return ["", *sorted(shards)]


def _compare(
    engine: Engine, layout: Layout, shard: str, checks: FileChecks
) -> tuple[dict[Path, _Named], list[Finding]]:
    """Compare a shard's rows with its files. Rows first: a file is there before its row is."""
    with reading(engine) as connection:
        named = dict(_named(connection, layout, shard))
        homes = _homes(connection, layout, shard)
    there = {path: entry for folder in _sharded(layout) for path, entry in _files(folder, shard)}
    findings = []
    for path, one in named.items():
        fault = _fault(path, one, there.get(path))
        if fault is not None:
            kind, found = fault
            remedy = PUT_BACK if kind in _ORIGINALS else "Process it again, or restore the file from a backup."
            findings.append(Finding(kind, one.recording_id, f"{found}: {layout_text(layout, path)}", remedy))
    now_s = time.time()
    for path, entry in there.items():
        unexpected = path not in named and not any(parent in homes for parent in (path, path.parent))
        if unexpected and not entry.name.startswith(PARTIAL_PREFIX) and _age_s(entry, now_s) > checks.young_s:
            findings.append(
                Finding(
                    FindingKind.ORPHAN_FILE,
                    layout_text(layout, path),
                    "no row names this file",
                    "Offer it again with `asr-pipeline process`, or delete it.",
                )
            )
    return named, findings


def _named(connection: Connection, layout: Layout, shard: str) -> Iterator[tuple[Path, _Named]]:
    """Give the files that the rows of a shard name. What a person dropped may go."""
    kept = _in_shard(shard) & (recordings.c.state != RecordingState.DROPPED.value)
    query = sa.select(
        recordings.c.recording_id, recordings.c.source, recordings.c.size_bytes, recordings.c.sha256
    ).where(kept, recordings.c.original_removed_at.is_(None))
    for recording_id, source, size_bytes, sha256 in connection.execute(query):
        yield (
            _path(layout, source),
            _Named(recording_id, FindingKind.ORIGINAL_MISSING, size_bytes, sha256),
        )
    for table, kind in ((audio, FindingKind.AUDIO_MISSING), (subtitles, FindingKind.SUBTITLE_MISSING)):
        joined = table.join(recordings, recordings.c.number == table.c.recording_number)
        rows = connection.execute(sa.select(recordings.c.recording_id, table.c.path).select_from(joined).where(kept))
        for recording_id, path in rows:
            yield _path(layout, path), _Named(recording_id, kind)


def _homes(connection: Connection, layout: Layout, shard: str) -> set[Path]:
    """Give where files of recordings may lie whose stage is not committed: its files are written before its rows.

    And where files of dropped ones may still lie.
    """
    homes: set[Path] = set()
    query = sa.select(recordings.c.recording_id, recordings.c.source, recordings.c.state).where(
        _in_shard(shard), recordings.c.state != RecordingState.DONE.value
    )
    for recording_id, source, state in connection.execute(query):
        homes |= {layout.audio_of(recording_id), layout.results_of(recording_id)}
        if state == RecordingState.DROPPED.value:
            homes.add(_path(layout, source))
    return homes


def _in_shard(shard: str) -> "sa.ColumnElement[bool]":
    """Select a shard by the index on the hash."""
    return (recordings.c.sha256 >= shard) & (recordings.c.sha256 < f"{shard}g") if shard else sa.false()


def _path(layout: Layout, stored: str) -> Path:
    """Give the path that a row names; one that leaves the data folder is given as it is, and is not there."""
    try:
        return layout.absolute(stored)
    except ValueError:
        return Path(stored)


def _fault(path: Path, named: _Named, entry: "os.DirEntry[str] | None") -> tuple[FindingKind, str] | None:
    """Say what is wrong with a file that a row names."""
    try:
        size_bytes = (entry or path).stat().st_size
    except (OSError, ValueError):
        return named.kind, "no file"
    if named.size_bytes is not None and size_bytes != named.size_bytes:
        return FindingKind.ORIGINAL_ALTERED, f"{size_bytes:,} bytes instead of {named.size_bytes:,}"
    return None


def _altered(path: Path, named: _Named) -> Finding | None:
    """Read an original, and compare its hash."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None  # removed since, to keep to the retention setting; else the next look finds it missing
    except OSError as error:
        digest = f"nothing ({error.strerror})"
    if digest == named.sha256:
        return None
    return Finding(
        FindingKind.ORIGINAL_ALTERED,
        named.recording_id,
        f"SHA-256 {digest} instead of {named.sha256}",
        PUT_BACK,
    )


def _sharded(layout: Layout) -> tuple[Path, Path, Path]:
    return layout.originals, layout.audio, layout.results


def _files(folder: Path, shard: str) -> Iterator[FileEntry]:
    """Give the files of a shard; of the one of no name, those that lie in none."""
    if shard:
        return files_below(folder / shard)
    return ((Path(entry.path), entry) for entry in entries(folder) if not entry.is_dir(follow_symlinks=False))


def _age_s(entry: "os.DirEntry[str]", now_s: float) -> float:
    """Give how long a file has lain where it is: a link or a renamed file may be older itself.

    One of the future has lain there since before the clock was set back.
    """
    try:
        there = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return abs(now_s - max(there.st_ctime, there.st_mtime))
