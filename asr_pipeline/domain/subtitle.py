"""Subtitle files that were written for a recording."""

from dataclasses import dataclass
from enum import StrEnum


class SubtitleFormat(StrEnum):
    """A subtitle file's format; its value is also the file's suffix."""

    SRT = "srt"
    VTT = "vtt"
    TTML = "ttml"


@dataclass(frozen=True, slots=True)
class SubtitleFile:
    """One written file. `language` is an ISO code, or "bilingual"; `path` is relative to the data folder."""

    language: str
    format: SubtitleFormat
    path: str
    cue_count: int
