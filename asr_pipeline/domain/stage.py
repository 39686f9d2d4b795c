"""The five stages that a recording goes through, in their order. Each is an asset."""

from collections.abc import Iterable
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
        return _ORDER[self]


_ORDER = {stage: place for place, stage in enumerate(Stage)}

# Versions of the code that computes each stage: raised where the same input gives another result than before.
CODE_VERSIONS = {
    Stage.RAW_AUDIO: "1",
    Stage.SEGMENTS: "1",
    Stage.TRANSCRIPTS: "1",
    Stage.TRANSLATIONS: "1",
    Stage.SUBTITLES: "1",
}

# What each stage is made from.
DEPENDS_ON: dict[Stage, tuple[Stage, ...]] = {
    Stage.RAW_AUDIO: (),
    Stage.SEGMENTS: (Stage.RAW_AUDIO,),
    Stage.TRANSCRIPTS: (Stage.RAW_AUDIO, Stage.SEGMENTS),
    Stage.TRANSLATIONS: (Stage.TRANSCRIPTS,),
    Stage.SUBTITLES: (Stage.TRANSCRIPTS, Stage.TRANSLATIONS),
}


def with_downstream(stages: Iterable[Stage]) -> frozenset[Stage]:
    """Give stages and all that is made from them: what must be done anew where these are."""
    found = set(stages)
    for stage in Stage:  # in the order of work: a stage stands after all that it is made from
        if not found.isdisjoint(DEPENDS_ON[stage]):
            found.add(stage)
    return frozenset(found)
