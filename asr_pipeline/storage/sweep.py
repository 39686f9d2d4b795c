"""Removes files that a process which died had begun to write. Those of living processes stay."""

import os
import time
from pathlib import Path

from asr_pipeline.domain.unfinished import PARTIAL_PREFIX, is_left_behind
from asr_pipeline.storage.layout import Layout

# A writer that can't be asked whether it lives (another machine, before a restart) may be slow, but not this slow.
UNTOUCHED_MAX_S = 24 * 3600


def sweep_folder(folder: Path, *, now_s: float | None = None) -> list[Path]:
    """Remove what was left unfinished in one folder, not in those below it; give what was removed."""
    removed = []
    try:
        with os.scandir(folder) as entries:
            partial = [entry for entry in entries if entry.name.startswith(PARTIAL_PREFIX)]
    except FileNotFoundError:
        return []
    for entry in partial:
        try:
            left_behind = is_left_behind(entry.name)
            written_s = entry.stat(follow_symlinks=False).st_mtime
            untouched_s = abs((time.time() if now_s is None else now_s) - written_s)  # the clock may have been set back
            if left_behind or (left_behind is None and untouched_s > UNTOUCHED_MAX_S):
                Path(entry.path).unlink()
                removed.append(Path(entry.path))
        except FileNotFoundError:
            continue  # its writer, or another sweep, was faster
    return removed


def sweep_recording(layout: Layout, recording_id: str) -> list[Path]:
    """Remove what was left unfinished beside a recording's audio and results."""
    folders = (layout.audio_of(recording_id).parent, layout.results_of(recording_id))
    return [path for folder in folders for path in sweep_folder(folder)]
