"""The ledger's equation, and what `verify` can find wrong. docs/verify.md tells of each kind."""

from dataclasses import dataclass
from enum import StrEnum


class FindingKind(StrEnum):
    """What is wrong with a thing."""

    RECORDING_LOST = "recording_lost"
    RECORDING_WITHOUT_ARRIVAL = "recording_without_arrival"
    STATE_WRONG = "state_wrong"
    AUDIO_ROW_MISSING = "audio_row_missing"
    SEGMENTS_INCOMPLETE = "segments_incomplete"
    TRANSCRIPT_INCOMPLETE = "transcript_incomplete"
    TRANSLATION_INCOMPLETE = "translation_incomplete"
    SUBTITLE_ROWS_MISSING = "subtitle_rows_missing"
    ORIGINAL_MISSING = "original_missing"
    ORIGINAL_ALTERED = "original_altered"
    AUDIO_MISSING = "audio_missing"
    SUBTITLE_MISSING = "subtitle_missing"
    REFUSED_FILE_MISSING = "refused_file_missing"
    ORPHAN_FILE = "orphan_file"
    STALE_PARTIAL_FILE = "stale_partial_file"
    MATERIALIZATION_MISSING = "materialization_missing"
    MATERIALIZATION_UNKNOWN = "materialization_unknown"
    PARTITION_MISSING = "partition_missing"
    PARTITION_UNKNOWN = "partition_unknown"


# What `verify --repair` can put right without a person's judgement.
REPAIRABLE = frozenset(
    {FindingKind.STALE_PARTIAL_FILE, FindingKind.MATERIALIZATION_MISSING, FindingKind.PARTITION_MISSING}
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `subject` is a recording's id or a path; `stage` is set for a materialization."""

    kind: FindingKind
    subject: str
    found: str
    remedy: str
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Equation:
    """Every file that ever entered, by where it stands. A file stands where its recording stands.

    `refused` files never became a recording: they lie in quarantine. `lost` ones are accepted, and their recording's
    row is not there.
    """

    files: int
    recordings: int
    done: int
    in_progress: int
    failed: int
    quarantined: int
    refused: int
    dropped: int

    @property
    def lost(self) -> int:
        """Files that stand nowhere."""
        return self.files - sum(
            (self.done, self.in_progress, self.failed, self.quarantined, self.refused, self.dropped)
        )

    @property
    def holds(self) -> bool:
        """Tell whether every file stands somewhere."""
        return self.lost == 0

    def __str__(self) -> str:
        """Give the equation as people read it."""
        return (
            f"{self.files:,} files entered {'=' if self.holds else '≠'} {self.done:,} done + "
            f"{self.in_progress:,} in progress + {self.failed:,} failed + "
            f"{self.quarantined + self.refused:,} quarantined + {self.dropped:,} dropped"
        )
