"""Where everything lies that the program writes: every path, in this one place."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.recording import HASH_PREFIX_CHARS, Recording
from asr_pipeline.domain.subtitle import SubtitleFormat

SHARD_CHARS = 2  # 256 folders: about 400 entries in each at 100,000 recordings
LOW_DISK_BYTES = 2 * 2**30  # with less free than this a person is warned
_SAFE_SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths under one data folder.

    What belongs to a recording lies in a shard named by the first two hex digits of its bytes' SHA-256. Paths are kept
    in SQL as `relative` gives them, so that the data folder can be moved.
    """

    data_dir: Path

    @property
    def database(self) -> Path:
        """The SQLite database, where no other is set."""
        return self.data_dir / "asr_pipeline.db"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance: runs, events, schedules."""
        return self.data_dir / "dagster"

    @property
    def inbox(self) -> Path:
        """Where files are dropped, where no other folder is set."""
        return self.data_dir / "inbox"

    @property
    def archive(self) -> Path:
        """Files that were taken from the inbox, under the names they had there."""
        return self.data_dir / "archive"

    @property
    def quarantine(self) -> Path:
        """Files that could not be taken or processed, each with a `.reason.json`."""
        return self.data_dir / "quarantine"

    @property
    def locks(self) -> Path:
        """Locks by which processes on this machine keep out of each other's way."""
        return self.data_dir / "locks"

    @property
    def in_flight(self) -> Path:
        """Marks of what engines work on: one that nobody works on any more tells of a crash."""
        return self.locks / "in_flight"

    @property
    def originals(self) -> Path:
        """Source files as they came, byte for byte."""
        return self.data_dir / "originals"

    @property
    def audio(self) -> Path:
        """Canonical audio."""
        return self.data_dir / "audio"

    @property
    def results(self) -> Path:
        """Subtitles and transcripts, a folder a recording."""
        return self.data_dir / "results"

    @property
    def models(self) -> Path:
        """Models that were pulled."""
        return self.data_dir / "models"

    @property
    def exports(self) -> Path:
        """Tables written for other programs."""
        return self.data_dir / "exports"

    @property
    def logs(self) -> Path:
        """What long-running processes print."""
        return self.data_dir / "logs"

    def ensure(self) -> None:
        """Make the folders. Raises SettingInvalid where that is not possible."""
        folders = (
            *(self.dagster_home, self.inbox, self.originals, self.audio, self.results, self.archive, self.quarantine),
            *(self.locks, self.in_flight, self.models, self.exports, self.logs),
        )
        for folder in folders:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise SettingInvalid(
                    str(self.data_dir),
                    expected="a data folder that can be written to",
                    found=f"{error.strerror} at {folder}",
                    remedy="Set ASR_PIPELINE_DATA_DIR to a folder that you may write to.",
                ) from error

    def original_of(self, sha256: str, name: str) -> Path:
        """Where a source file's bytes lie: named by their hash, with the suffix of `name` where that is harmless."""
        suffix = Path(name).suffix.lower()
        kept = suffix if _SAFE_SUFFIX.fullmatch(suffix) else ""
        return self.originals / sha256[:SHARD_CHARS] / f"{sha256}{kept}"

    def source_of(self, recording: Recording) -> Path:
        """Where a registered recording's original lies."""
        return self.absolute(recording.source)

    def audio_of(self, recording_id: str) -> Path:
        """Canonical audio of a recording (FLAC)."""
        return self.audio / _shard(recording_id) / f"{recording_id}.flac"

    def results_of(self, recording_id: str) -> Path:
        """Folder of a recording's results."""
        return self.results / _shard(recording_id) / recording_id

    def subtitle_of(self, recording_id: str, language: str, file_format: SubtitleFormat) -> Path:
        """Give where a subtitle file lies; `language` is an ISO code, or "bilingual"."""
        return self.results_of(recording_id) / f"{recording_id}.{language}.{file_format.value}"

    def relative(self, path: Path) -> str:
        """Give a path as it is kept in SQL: relative to the data folder where it lies inside, absolute otherwise."""
        whole = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
        root = Path(os.path.abspath(self.data_dir))  # noqa: PTH100 - the same
        return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)

    def absolute(self, stored: str) -> Path:
        """Give the path that `relative` made text of. Raises ValueError where a relative one leaves the data folder."""
        path = Path(stored)
        if path.is_absolute():
            return path
        if ".." in path.parts:
            raise ValueError(f"{stored!r}: expected a path inside {self.data_dir}, found one that leaves it.")
        return self.data_dir / path


def _shard(recording_id: str) -> str:
    """First hex digits of the hash that a recording's id ends with."""
    return recording_id[-HASH_PREFIX_CHARS:][:SHARD_CHARS]
