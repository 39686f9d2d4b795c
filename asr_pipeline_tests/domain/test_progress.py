"""How far a recording is, for whoever waits for it."""

import pytest

from asr_pipeline.domain.progress import Progress, progress
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ([], Progress.QUEUED),
        ([Stage.RAW_AUDIO], Progress.TRANSCRIBING),
        ([Stage.RAW_AUDIO, Stage.SEGMENTS], Progress.TRANSCRIBING),
        ([Stage.RAW_AUDIO, Stage.SEGMENTS, Stage.TRANSCRIPTS], Progress.TRANSLATING),
        ([stage for stage in Stage if stage is not Stage.SUBTITLES], Progress.TRANSLATING),
    ],
)
def test_in_progress_it_is_what_comes_next(done: list[Stage], expected: Progress) -> None:
    assert progress(RecordingState.IN_PROGRESS, done) is expected


def test_every_state_has_its_word() -> None:
    assert {state: progress(state, list(Stage)) for state in RecordingState if state != "in_progress"} == {
        RecordingState.DONE: Progress.DONE,
        RecordingState.FAILED: Progress.FAILED,
        RecordingState.QUARANTINED: Progress.FAILED,
        RecordingState.DROPPED: Progress.DROPPED,
    }
