import pytest

from asr_pipeline.domain.cue import CaptionRules, Cue, CueText, violations, visible_chars

RULES = CaptionRules()


def cue(start_s: float, end_s: float, *lines: str, language: str = "en") -> Cue:
    return Cue(start_s, end_s, (CueText(language, lines),))


def test_good_cues_break_no_rule() -> None:
    cues = [cue(0, 2, "One line.", "Another."), cue(2.08, 4, "می‌روم.", language="fa")]
    assert violations(cues, RULES, 4) == []


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        ([cue(0, 2, "a"), cue(1.9, 4, "b")], "overlaps the next by 0.100 s"),
        ([cue(0, 2, "a"), cue(2.02, 4, "b")], "is 0.020 s before the next, below 0.080 s"),
        ([cue(8, 10.1, "a")], "to 10.100 s lies outside the recording of 10.000 s"),
        ([cue(-0.1, 2, "a")], "to 2.000 s lies outside the recording of 10.000 s"),
        ([cue(2, 2, "a")], "ends before it starts"),
        ([cue(0, 0.5, "a")], "is shown for 0.500 s, below 0.833 s"),
        ([cue(0, 7.5, "a")], "is shown for 7.500 s, above 7.000 s"),
        ([cue(0, 2, "a", "b", "c")], "has 3 lines of en, above 2"),
        ([cue(0, 5, "x" * 43)], "has a line of 43 characters, above 42"),
        ([cue(0, 2, " ")], "is empty"),
        ([cue(0, 1, "x" * 30)], "reads at 30.0 characters a second, above 20"),
        (
            [cue(0, 1, "x" * 30), cue(1.08, 3, "b")],
            "reads at 30.0 characters a second, above 20, and there is no room to show it longer",
        ),
    ],
)
def test_each_broken_rule_is_named(cues: list[Cue], expected: str) -> None:
    assert violations(cues, RULES, 10) == [f"cue 1 at {cues[0].start_s:.3f} s {expected}"]


def test_limits_hold_for_each_language_of_a_cue() -> None:
    lines = ("x" * 20, "y" * 19)
    both = Cue(0, 2, (CueText("en", lines), CueText("fa", lines)))
    assert both.chars_per_s == 20
    assert violations([both], RULES, 2) == []


def test_joiners_and_vowel_marks_take_no_room() -> None:
    assert visible_chars("می\u200cرَوم") == 5
