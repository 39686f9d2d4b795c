"""Marks of what engines work on, a file each. One that is found when its recording is claimed tells of a crash.

They need not survive a loss of power, which no engine causes, so nothing is synced: a mark costs some microseconds.
"""

import os
from pathlib import Path

from asr_pipeline.storage.atomic import storage_errors
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.sweep import sweep_folder, sweep_recording

_BETWEEN = "~"  # in no recording's id
_DIED_BEFORE = "died"


class Marks:
    """The marks of one recording, read when it is claimed.

    After a crash, the calls that were running are suspects. Where there was one before, every call is.
    """

    def __init__(self, layout: Layout, recording_id: str) -> None:
        self._layout = layout
        self._recording_id = recording_id
        found = _calls(layout.in_flight, recording_id)
        self._condemned = False
        self._all_suspect = _DIED_BEFORE in found and len(found) > 1
        self._suspects = found - {_DIED_BEFORE}
        if self._suspects:
            self.engine_died()
            self.began(_DIED_BEFORE)

    def is_suspect(self, call: str) -> bool:
        """Tell whether a process died in this call, or more than once in any."""
        return self._all_suspect or call in self._suspects

    def began(self, call: str) -> None:
        """Mark a call. Raises StorageFull, SettingInvalid."""
        with storage_errors(self._layout.in_flight):
            os.close(os.open(self._path(call), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))

    def ended(self, call: str) -> None:
        """Take a mark away."""
        self._path(call).unlink(missing_ok=True)

    def condemn(self, call: str) -> None:
        """Leave a call marked beyond `clear`, as after two crashes: trying it again by hand must not kill a run."""
        self._condemned = True
        self.began(call)
        self.began(_DIED_BEFORE)

    def engine_died(self) -> None:
        """Remove the files that it has left unfinished."""
        sweep_recording(self._layout, self._recording_id)

    def clear(self) -> None:
        """Take all marks away, unless the recording was condemned."""
        if self._condemned:
            return
        for call in _calls(self._layout.in_flight, self._recording_id):
            self.ended(call)

    def _path(self, call: str) -> Path:
        return self._layout.in_flight / f"{self._recording_id}{_BETWEEN}{call}"


def sweep_marked(layout: Layout) -> list[Path]:
    """Remove what dead processes have left unfinished: originals, and files of recordings that they worked on.

    Only folders in which they can have left something are looked at: there may be 100,000 others.
    """
    marked = {mark.name.partition(_BETWEEN)[0] for mark in layout.in_flight.iterdir()}
    return [*sweep_folder(layout.originals), *(path for one in sorted(marked) for path in sweep_recording(layout, one))]


def _calls(folder: Path, recording_id: str) -> set[str]:
    start = f"{recording_id}{_BETWEEN}"
    return {mark.name.removeprefix(start) for mark in folder.iterdir() if mark.name.startswith(start)}
