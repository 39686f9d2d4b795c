"""How far a recording has come, in the words of who waits for its translation."""

from collections.abc import Collection
from enum import StrEnum

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage


class Progress(StrEnum):
    """What is being done for a recording, or what became of it."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    TRANSLATING = "translating"
    DONE = "done"
    FAILED = "failed"  # for good, or until it is tried again
    DROPPED = "dropped"


_ENDS = {
    RecordingState.DONE: Progress.DONE,
    RecordingState.FAILED: Progress.FAILED,
    RecordingState.QUARANTINED: Progress.FAILED,
    RecordingState.DROPPED: Progress.DROPPED,
}


def progress(state: RecordingState, done: Collection[Stage]) -> Progress:
    """Tell from a recording's state and the stages that are done how far it is."""
    if state in _ENDS:
        return _ENDS[state]
    if Stage.TRANSCRIPTS in done:
        return Progress.TRANSLATING
    return Progress.TRANSCRIBING if done else Progress.QUEUED
