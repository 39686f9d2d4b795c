"""Puts cues on the recording's time line: in order, apart, long enough to read, inside the recording."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asr_pipeline.domain.cue import CaptionRules, Cue, CueText, reading_chars, visible_chars

DASH = "- "  # opens each line of a cue in which two people speak
_TWO_SPEAKERS = -1


@dataclass(frozen=True, slots=True)
class Draft:
    """A cue to be, with the time in which its words are spoken and the channel that speaks them."""

    start_s: float
    end_s: float
    channel: int
    texts: tuple[CueText, ...]


def place(drafts: Iterable[Draft], rules: CaptionRules, duration_s: float) -> list[Cue]:
    """Turn drafts into cues that never overlap, in the order in which they are spoken.

    Two people who speak at once share a cue, a dash before each, where their lines fit; otherwise the earlier cue ends
    where the later one starts. A cue that asks for more time than its words took lasts into the pause after it. A cue
    that would be shorter than the rules' minimum pushes the next ones back; where a recording has no room for that,
    all minimums shrink alike.
    """
    drafts = _share_cues(sorted(drafts, key=lambda draft: draft.start_s), rules)
    if not drafts:
        return []
    slot_s = min(rules.min_cue_s + rules.gap_s, duration_s / len(drafts))
    gap_s = slot_s * rules.gap_s / (rules.min_cue_s + rules.gap_s)
    starts_s = [*_starts(drafts, slot_s, duration_s), duration_s + gap_s]
    return [
        Cue(
            start_s=_milliseconds(start_s),
            end_s=_milliseconds(min(start_s + _wanted_s(draft, start_s, rules), next_start_s - gap_s)),
            texts=draft.texts,
        )
        for draft, start_s, next_start_s in zip(drafts, starts_s, starts_s[1:], strict=False)
    ]


def _starts(drafts: Sequence[Draft], slot_s: float, duration_s: float) -> list[float]:
    """Give starts that are at least a slot apart, and a slot before the recording's end."""
    starts_s: list[float] = []
    earliest_s = 0.0
    for number, draft in enumerate(drafts):
        latest_s = duration_s - slot_s * (len(drafts) - number)
        starts_s.append(max(0.0, min(max(draft.start_s, earliest_s), latest_s)))
        earliest_s = starts_s[-1] + slot_s
    return starts_s


def _wanted_s(draft: Draft, start_s: float, rules: CaptionRules) -> float:
    """Seconds for which a cue should be shown: while it is spoken, and until it is read."""
    return min(max(draft.end_s - start_s, _reading_s(draft, rules)), rules.max_cue_s)


def _reading_s(draft: Draft, rules: CaptionRules) -> float:
    return max(rules.min_cue_s, reading_chars(draft.texts) / rules.max_chars_per_s)


def _share_cues(drafts: Iterable[Draft], rules: CaptionRules) -> list[Draft]:
    """Join drafts of two channels that overlap, where the earlier one could not be read before the later one starts."""
    joined: list[Draft] = []
    for draft in drafts:
        if joined and _can_share(joined[-1], draft, rules):
            joined[-1] = _shared(joined[-1], draft)
        else:
            joined.append(draft)
    return joined


def _can_share(first: Draft, second: Draft, rules: CaptionRules) -> bool:
    at_once = (
        first.channel != second.channel
        and _TWO_SPEAKERS not in (first.channel, second.channel)
        and second.start_s < first.end_s
        and second.start_s - rules.gap_s < first.start_s + _reading_s(first, rules)
        and max(first.end_s, second.end_s) - first.start_s <= rules.max_cue_s
    )
    languages = [text.language for text in first.texts]
    return (
        at_once
        and rules.max_lines > 1
        and languages == [text.language for text in second.texts]
        and all(
            len(text.lines) == 1 and visible_chars(DASH + text.lines[0]) <= rules.max_line_chars
            for text in (*first.texts, *second.texts)
        )
    )


def _shared(first: Draft, second: Draft) -> Draft:
    texts = tuple(
        CueText(one.language, (DASH + one.lines[0], DASH + other.lines[0]))
        for one, other in zip(first.texts, second.texts, strict=True)
    )
    return Draft(first.start_s, max(first.end_s, second.end_s), _TWO_SPEAKERS, texts)


def _milliseconds(time_s: float) -> float:
    """Round down to what subtitle files can hold: never beyond the recording's end."""
    return math.floor(time_s * 1000 + 1e-6) / 1000
