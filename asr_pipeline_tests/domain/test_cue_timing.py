from itertools import pairwise

import pytest

from asr_pipeline.domain.cue import CaptionRules, CueText
from asr_pipeline.domain.cue_timing import Draft, place

RULES = CaptionRules(min_cue_s=1, max_cue_s=7, gap_s=0.1, max_chars_per_s=20)


def draft(start_s: float, end_s: float, *lines: str, channel: int = 0) -> Draft:
    return Draft(start_s, end_s, channel, (CueText("en", lines or ("Hello.",)),))


def times(*drafts: Draft, duration_s: float = 60) -> list[tuple[float, float]]:
    return [(cue.start_s, cue.end_s) for cue in place(drafts, RULES, duration_s)]


def test_cue_lasts_while_it_is_spoken() -> None:
    assert times(draft(1, 3.5)) == [(1, 3.5)]


def test_fast_text_lasts_into_the_pause() -> None:
    assert times(draft(1, 2, "x" * 40), draft(9, 11)) == [(1, 3), (9, 11)]


def test_fast_text_lasts_no_longer_than_the_next_cue_allows() -> None:
    assert times(draft(1, 2, "x" * 40), draft(2.5, 4)) == [(1, 2.4), (2.5, 4)]


def test_short_cue_is_shown_for_the_minimum() -> None:
    assert times(draft(1, 1.2), draft(5, 7)) == [(1, 2), (5, 7)]


def test_short_cue_pushes_the_next_back() -> None:
    assert times(draft(1, 1.2), draft(1.3, 4)) == [(1, 2), (2.1, 4)]


def test_cue_is_never_shown_longer_than_the_maximum() -> None:
    assert times(draft(0, 20)) == [(0, 7)]


def test_cue_at_the_end_stays_inside_the_recording() -> None:
    assert times(draft(9.5, 10), duration_s=10) == [(8.9, 10)]


def test_crowd_without_room_shrinks_alike() -> None:
    found = times(*(draft(0.5, 0.9) for _ in range(10)), duration_s=2)
    assert len(found) == 10
    assert all(start_s < end_s for start_s, end_s in found)
    assert all(end_s <= start_s for (_, end_s), (start_s, _) in pairwise(found))
    assert found[-1][1] <= 2


def test_two_who_speak_at_once_share_a_cue_with_dashes() -> None:
    cues = place([draft(1, 3, "Is it you?", channel=0), draft(1.4, 3.2, "Yes.", channel=1)], RULES, 60)
    assert [cue.texts[0].lines for cue in cues] == [("- Is it you?", "- Yes.")]
    assert (cues[0].start_s, cues[0].end_s) == (1, 3.2)


@pytest.mark.parametrize(
    "second",
    [
        draft(1.4, 3.2, "Yes.", "No.", channel=1),  # its lines don't fit beside the first's
        draft(1.4, 3.2, "x" * 41, channel=1),  # too wide with a dash
        draft(1.4, 9.0, "Yes.", channel=1),  # would be shown too long
        draft(2.9, 4.0, "Yes.", channel=1),  # the first can be read before it starts
    ],
)
def test_overlap_that_fits_no_cue_of_two_ends_the_earlier_one(second: Draft) -> None:
    first, later = place([draft(1, 3, "Is it you?"), second], RULES, 60)
    assert first.end_s == pytest.approx(later.start_s - 0.1)
    assert first.texts[0].lines == ("Is it you?",)


def test_three_at_once_share_in_twos() -> None:
    cues = place([draft(1, 3, "One.", channel=0), draft(1.1, 3, "Two.", channel=1), draft(1.2, 3, "Three.")], RULES, 60)
    assert [len(cue.texts[0].lines) for cue in cues] == [2, 1]


def test_no_drafts_make_no_cues() -> None:
    assert place([], RULES, 0) == []
