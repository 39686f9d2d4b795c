"""The quarantine folder: what could not be taken or processed, each with a `.reason.json` beside it.

SQL is the record of what is refused or quarantined; this folder shows it to people, and keeps the bytes at hand.
"""

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from asr_pipeline.domain.arrival import Arrival
from asr_pipeline.domain.errors import PermanentFailure, PipelineError
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.domain.recording import HASH_PREFIX_CHARS, Recording, slug
from asr_pipeline.ports import RecordingRow
from asr_pipeline.storage.atomic import partial_file, publish, storage_errors, write_text
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.moving import NotMovable, changed, move, stamp_of
from asr_pipeline.storage.text import original, storable

REASON_SUFFIX = ".reason.json"


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is in quarantine. `file` is its name in the quarantine folder, None where it could not be moved.

    `path` is where it lay, `name` what it was called there; `recording_id` is set where its bytes are a recording.
    """

    entry_id: str
    name: str
    path: str
    file: str | None
    recording_id: str | None
    size_bytes: int
    mtime_ns: int | None = None
    sha256: str | None = None
    kind: str = PermanentFailure.__name__
    message: str = ""
    when: str = field(default_factory=_now)
    subject: str | None = None
    expected: str | None = None
    found: str | None = None
    remedy: str | None = None


def refused_id(path: str, size_bytes: int, mtime_ns: int) -> str:
    """Give the id of a file that was refused: like a recording's, but of its path, size and time of change."""
    key = hashlib.sha256(json.dumps([storable(path), size_bytes, mtime_ns]).encode()).hexdigest()
    return f"{slug(os.path.basename(path))}-{key[:HASH_PREFIX_CHARS]}"  # noqa: PTH119 - text, of any bytes


def refusal(folder: "QuarantineFolder", arrival: Arrival) -> Reason:
    """Give why a file was refused, from its reason file, or from the ledger where that is lost."""
    entry_id = refused_id(arrival.path, arrival.size_bytes, arrival.mtime_ns)
    return folder.reason(entry_id) or Reason(
        entry_id=entry_id,
        name=os.path.basename(arrival.path),  # noqa: PTH119 - text, of any bytes
        path=arrival.path,
        file=None,
        recording_id=None,
        size_bytes=arrival.size_bytes,
        mtime_ns=arrival.mtime_ns,
        message=arrival.reason or "",
        when=arrival.arrived_at.isoformat(timespec="seconds") if arrival.arrived_at else "",
    )


def standing(folder: "QuarantineFolder", row: RecordingRow) -> Reason:
    """Give why a recording is quarantined; what the folder lacks is put there."""
    known = folder.reason(row.recording.recording_id)
    return known or folder.keep_recording_again(row.recording, row.reason or "")


class QuarantineFolder:
    """Files under safe, unique names with their reasons. Each reason appears whole or not at all."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.folder = layout.quarantine

    def put(self, file: FoundFile, error: PipelineError, *, may_move: bool) -> str | None:
        """Keep a refused file with its reason; give why it could not be moved here, None where it was.

        Done again after a crash, it gives the same. Raises TransientFailure where the file changed meanwhile,
        StorageFull.
        """
        entry_id = refused_id(*file.look)
        name = self._free_name(entry_id, file.name)
        why_not: str | None = "files that can't be taken are left where they are"
        self._write(_because(_refusal(file, entry_id, None), error))
        if may_move:
            try:
                stamp = stamp_of(file.path) if file.is_link else (file.size_bytes, file.mtime_ns)
                move(file.path, self.folder / name, stamp)
            except FileNotFoundError as gone:
                raise changed(file.path) from gone
            except NotMovable as refused:
                why_not = str(refused)
            else:
                why_not = None
                self._write(_because(_refusal(file, entry_id, name), error))
        return why_not

    def keep_recording(self, recording: Recording, error: PipelineError) -> None:
        """Show a recording that failed for good: a hard link to its original, or a copy, with the reason.

        An original that lies outside the data folder is named only. Raises StorageFull, SettingInvalid, OSError.
        """
        self._keep(_because(self._plain(recording), error))

    def keep_recording_again(self, recording: Recording, message: str) -> Reason:
        """Show a recording whose failure SQL knows and this folder does not; errors as `keep_recording`."""
        reason = replace(self._plain(recording), message=message)
        self._keep(reason)
        return reason

    def _plain(self, recording: Recording) -> Reason:
        source = self._layout.source_of(recording)
        at_hand = source.is_relative_to(self._layout.data_dir) and source.is_file()
        return Reason(
            entry_id=recording.recording_id,
            name=recording.name,
            path=str(source),
            file=f"{recording.recording_id}{_suffix(self._layout, recording.name)}" if at_hand else None,
            recording_id=recording.recording_id,
            size_bytes=recording.size_bytes,
            sha256=recording.sha256,
        )

    def _keep(self, reason: Reason) -> None:
        if reason.file is not None:
            _link_or_copy(Path(reason.path), self.folder / reason.file)
        self._write(reason)

    def forget(self, path: str, size_bytes: int, mtime_ns: int) -> None:
        """Remove what is kept of a file that was refused: it has been accepted, or given up."""
        self.remove(refused_id(path, size_bytes, mtime_ns))

    def remove(self, entry_id: str) -> None:
        """Remove a file and its reason, where they are; the reason goes last."""
        for path in self._files_of(entry_id):
            path.unlink(missing_ok=True)
        self._reason_path(entry_id).unlink(missing_ok=True)

    def has(self, entry_id: str) -> bool:
        """Tell whether there is a reason by this id."""
        return self._reason_path(entry_id).exists()

    def file_of(self, entry_id: str) -> Path | None:
        """Give where a file lies that was moved here; None where it was not."""
        return next(iter(self._files_of(entry_id)), None)

    def reason(self, entry_id: str) -> Reason | None:
        """Give a reason; None where there is none that can be read."""
        try:
            fields = json.loads(self._reason_path(entry_id).read_text(encoding="utf-8"))
            reason = Reason(**fields)
        except (OSError, ValueError, TypeError):
            return None
        return _with_texts(reason, original)

    def ids(self) -> list[str]:
        """Give the ids of all reasons, in order."""
        if not self.folder.is_dir():
            return []
        names = (path.name for path in self.folder.iterdir() if not path.name.startswith("."))
        return sorted(name.removesuffix(REASON_SUFFIX) for name in names if name.endswith(REASON_SUFFIX))

    def _files_of(self, entry_id: str) -> list[Path]:
        if not self.folder.is_dir():
            return []
        found = sorted(path for path in self.folder.glob(f"{entry_id}*") if not path.name.endswith(REASON_SUFFIX))
        return [path for path in found if _entry_id(path.name) == entry_id]

    def _free_name(self, entry_id: str, name: str) -> str:
        suffix = _suffix(self._layout, name)
        number = 1
        while os.path.lexists(self.folder / f"{entry_id}{'' if number == 1 else f'.{number}'}{suffix}"):
            number += 1
        return f"{entry_id}{'' if number == 1 else f'.{number}'}{suffix}"

    def _reason_path(self, entry_id: str) -> Path:
        return self.folder / f"{entry_id}{REASON_SUFFIX}"

    def _write(self, reason: Reason) -> None:
        text = json.dumps(asdict(_with_texts(reason, storable)), ensure_ascii=False, indent=2)
        write_text(self._reason_path(reason.entry_id), text + "\n")


def _entry_id(name: str) -> str:
    """Give the id that a file's name here starts with: ids hold no dot."""
    return name.split(".", 1)[0]


def _suffix(layout: Layout, name: str) -> str:
    return layout.original_of("x", name).suffix if Path(name).suffix else ""


def _refusal(file: FoundFile, entry_id: str, name: str | None) -> Reason:
    return Reason(
        entry_id=entry_id,
        name=file.path.name,
        path=str(file.path),
        file=name,
        recording_id=None,
        size_bytes=file.size_bytes,
        mtime_ns=file.mtime_ns,
    )


def _because(reason: Reason, error: PipelineError) -> Reason:
    return replace(
        reason,
        kind=type(error).__name__,
        message=str(error),
        subject=error.subject,
        expected=error.expected,
        found=error.found,
        remedy=error.remedy,
    )


def _with_texts(reason: Reason, change: Callable[[str], str]) -> Reason:
    """Change the texts that can hold names from outside."""
    return replace(
        reason,
        name=change(reason.name),
        path=change(reason.path),
        message=change(reason.message),
        subject=None if reason.subject is None else change(reason.subject),
        found=None if reason.found is None else change(reason.found),
    )


def _link_or_copy(source: Path, target: Path) -> None:
    with partial_file(target.parent) as partial:
        try:
            os.link(source, partial)
        except OSError:  # a file system without hard links; a full disk shows in copying
            with storage_errors(target.parent):
                shutil.copyfile(source, partial)
        publish(partial, target)
