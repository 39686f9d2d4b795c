"""The five stages that a recording goes through, in their order. Each is an asset."""

from enum import StrEnum


class Stage(StrEnum):
    """One stage; its value is the name of its asset."""

    RAW_AUDIO = "raw_audio"
    SEGMENTS = "segments"
    TRANSCRIPTS = "transcripts"
    TRANSLATIONS = "translations"
    SUBTITLES = "subtitles"

    @property
    def order(self) -> int:
        """Place in the order of work, from 0."""
        return list(Stage).index(self)
