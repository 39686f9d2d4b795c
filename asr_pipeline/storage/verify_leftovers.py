"""Files that belong to no recording: refused ones, which lie in quarantine, and what killed writers left."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import Engine

from asr_pipeline.domain.arrival import Arrival, Outcome
from asr_pipeline.domain.ledger import Finding, FindingKind
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.text import original, storable
from asr_pipeline.storage.tree import files_below, modified_s

REASON_SUFFIX = ".reason.json"


def stale_partial_files(layout: Layout, stale_s: float) -> Iterator[Finding]:
    """Give what writers that were killed have left."""
    now_s = time.time()
    for folder in (layout.originals, layout.audio, layout.results, layout.archive, layout.quarantine, layout.exports):
        for path, entry in files_below(folder):
            written_s = modified_s(entry) if entry.name.startswith(PARTIAL_PREFIX) else None
            if written_s is not None and abs(now_s - written_s) > stale_s:
                yield Finding(
                    FindingKind.STALE_PARTIAL_FILE,
                    layout_text(layout, path),
                    "a process that wrote it was killed",
                    "`asr-pipeline verify --repair` removes it.",
                )


def missing_refused(engine: Engine, layout: Layout) -> Iterator[Finding]:
    """Find refused files that are gone: they lie in quarantine, or still where they were."""
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
    """Give every text in the reason files: the path that each file came from is among them."""
    for path, entry in files_below(layout.quarantine):
        if not entry.name.endswith(REASON_SUFFIX):
            continue
        try:
            reason = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue  # its arrival is told as missing
        if isinstance(reason, dict):
            yield from (value for value in reason.values() if isinstance(value, str))


def remove_stale(layout: Layout, finding: Finding) -> None:
    """Remove a partial file that was found stale."""
    layout.absolute(original(finding.subject)).unlink(missing_ok=True)


def layout_text(layout: Layout, path: Path) -> str:
    """Give a path, relative to the data folder where it lies inside, as text that can be printed."""
    return storable(layout.relative(path))
