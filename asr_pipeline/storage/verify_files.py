"""Whether the files are there that the rows name, and none that no row names.

A shard at a time (`storage.layout`), so that memory does not grow with the archive. The pipeline may be at work
meanwhile: what seems wrong is looked at a second time, and young files may get their row yet.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.arrival import Arrival, Outcome
from asr_pipeline.domain.ledger import Finding, FindingKind
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.atomic import PARTIAL_PREFIX
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.layout import SHARD_CHARS, Layout
from asr_pipeline.storage.tables import audio, recordings, subtitles
from asr_pipeline.storage.text import storable

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
    yield from _partial_files(layout, checks)
    yield from _refused(engine, layout)


def remove_stale(layout: Layout, finding: Finding) -> None:
    """Remove a partial file that was found stale."""
    path = layout.absolute(finding.subject)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _shards(engine: Engine, layout: Layout) -> list[str]:
    """Give the names of all shards, in SQL and on disk; files that lie in none count as a shard of no name."""
    prefix = sa.func.substr(recordings.c.sha256, 1, SHARD_CHARS)
    with reading(engine) as connection:
        shards = set(connection.execute(sa.select(prefix).distinct()).scalars())
    for folder in _sharded(layout):
        shards.update(entry.name for entry in _entries(folder) if entry.is_dir(follow_symlinks=False))
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
            findings.append(Finding(kind, one.recording_id, f"{found}: {_shown(layout, path)}", remedy))
    now_s = time.time()
    for path, entry in there.items():
        unexpected = path not in named and not any(parent in homes for parent in (path, path.parent))
        if unexpected and not entry.name.startswith(PARTIAL_PREFIX) and _age_s(entry, now_s) > checks.young_s:
            findings.append(
                Finding(
                    FindingKind.ORPHAN_FILE,
                    _shown(layout, path),
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


def _partial_files(layout: Layout, checks: FileChecks) -> Iterator[Finding]:
    """Give what writers that were killed have left."""
    now_s = time.time()
    for folder in (*_sharded(layout), layout.archive, layout.quarantine, layout.exports):
        for path, entry in _files(folder, None):
            if (
                entry.name.startswith(PARTIAL_PREFIX)
                and now_s - entry.stat(follow_symlinks=False).st_mtime > checks.young_s
            ):
                yield Finding(
                    FindingKind.STALE_PARTIAL_FILE,
                    _shown(layout, path),
                    "a process that wrote it was killed",
                    "`asr-pipeline verify --repair` removes it.",
                )


def _refused(engine: Engine, layout: Layout) -> Iterator[Finding]:
    """Refused files lie in quarantine, or still where they were."""
    ledger = SqlArrivals(engine)
    refused = ledger.with_outcome(Outcome.REFUSED)
    if not refused:
        return
    quarantined = frozenset(_quarantined_paths(layout))
    missing = [one for one in refused if not _is_kept(one, quarantined)]
    if missing:
        still = set(ledger.with_outcome(Outcome.REFUSED))
        quarantined = frozenset(_quarantined_paths(layout))
        for one in missing:
            if one in still and not _is_kept(one, quarantined):
                yield Finding(
                    FindingKind.REFUSED_FILE_MISSING,
                    storable(one.path),
                    "it was refused, and lies neither there nor in quarantine",
                    "Offer it again, or give it up with `asr-pipeline quarantine drop`.",
                )


def _is_kept(arrival: Arrival, quarantined: frozenset[str]) -> bool:
    """Tell whether a refused file is still somewhere."""
    return arrival.path in quarantined or storable(arrival.path) in quarantined or os.path.lexists(arrival.path)


def _quarantined_paths(layout: Layout) -> Iterator[str]:
    """Give every text in the reason files whose file is there: the path that it came from is among them."""
    for path, entry in _files(layout.quarantine, None):
        if not entry.name.endswith(".reason.json") or not os.path.lexists(str(path).removesuffix(".reason.json")):
            continue
        try:
            reason = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue  # its arrival is told as missing
        if isinstance(reason, dict):
            yield from (value for value in reason.values() if isinstance(value, str))


def _sharded(layout: Layout) -> tuple[Path, Path, Path]:
    return layout.originals, layout.audio, layout.results


def _files(folder: Path, shard: str | None) -> Iterator[tuple[Path, "os.DirEntry[str]"]]:
    """Give what lies below a folder and is no folder. `shard`: of that shard alone; of no name: in no shard."""
    if shard:
        yield from _files(folder / shard, None)
        return
    for entry in _entries(folder):
        if not entry.is_dir(follow_symlinks=False):
            yield Path(entry.path), entry
        elif shard is None:
            yield from _files(Path(entry.path), None)


def _entries(folder: Path) -> Iterable["os.DirEntry[str]"]:
    """Give a folder's entries; none where it is not there."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return ()


def _age_s(entry: "os.DirEntry[str]", now_s: float) -> float:
    """Give how long a file has lain where it is: a link or a renamed file may be older itself."""
    try:
        there = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return now_s - max(there.st_ctime, there.st_mtime)


def _shown(layout: Layout, path: Path) -> str:
    """Give a path as text that can be printed and that `layout.absolute` reads."""
    return storable(layout.relative(path))
