"""From a yes or no for each short frame of sound to stretches of speech between pauses.

Frames are bytes, one a frame, so that runs are found at the speed of `bytes.find`: ten hours are a million frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass

SPEECH, PAUSE = b"\x01", b"\x00"
QUIET_WINDOW_MS = 90  # the quietest moment is looked for in this width: narrower than the shortest pause of a speaker


@dataclass(frozen=True, slots=True)
class PauseRules:
    """What counts as a pause, and how long a stretch may be, padding included."""

    frame_ms: int
    min_pause_ms: int
    padding_ms: int
    min_speech_ms: int
    max_segment_s: float

    def frames(self, milliseconds: float) -> int:
        """Whole frames in a time."""
        return int(milliseconds // self.frame_ms)


def speech_stretches(speech: bytes, levels: bytes, rules: PauseRules) -> list[tuple[int, int]]:
    """Give (first frame, end frame) of each stretch of one channel, padding included, in order and never overlapping.

    `speech` holds 1 where a frame is speech and 0 where not; `levels` holds how loud each frame is, on any scale that
    rises with loudness. A stretch that would be longer than the rules allow is cut in the longest pause of its later
    half, or at its quietest moment where it has none. Less speech than `min_speech_ms` between pauses is dropped.
    """
    padding = rules.frames(rules.padding_ms)
    longest = max(2, rules.frames(rules.max_segment_s * 1000) - 2 * padding)
    window = max(1, rules.frames(QUIET_WINDOW_MS))
    stretches = [
        piece
        for start, end in _between_pauses(speech, rules)
        for piece in _cut(speech, levels, (start, end), longest=longest, window=window)
    ]
    return list(_padded(stretches, padding, len(speech)))


def _runs(speech: bytes) -> Iterator[tuple[int, int]]:
    start = speech.find(SPEECH)
    while start >= 0:
        end = speech.find(PAUSE, start)
        end = len(speech) if end < 0 else end
        yield start, end
        start = speech.find(SPEECH, end)


def _between_pauses(speech: bytes, rules: PauseRules) -> Iterator[tuple[int, int]]:
    """Join runs of speech over gaps that are no pause; drop what holds too little speech."""
    shortest_pause, least_speech = rules.frames(rules.min_pause_ms), rules.frames(rules.min_speech_ms)
    start, end, held = 0, 0, 0
    for run_start, run_end in _runs(speech):
        if held and run_start - end >= shortest_pause:
            if held >= least_speech:
                yield start, end
            held = 0
        if not held:
            start = run_start
        end, held = run_end, held + run_end - run_start
    if held and held >= least_speech:
        yield start, end


def _cut(
    speech: bytes, levels: bytes, stretch: tuple[int, int], *, longest: int, window: int
) -> Iterator[tuple[int, int]]:
    start, end = stretch
    while end - start > longest:
        earliest, latest = start + longest // 2, start + longest
        gap = _longest_gap(speech, earliest, latest)
        if gap is None:
            stop = resume = _quietest(levels, earliest, latest, window)
        else:
            stop, resume = gap
        yield start, stop
        start = resume
    yield start, end


def _longest_gap(speech: bytes, earliest: int, latest: int) -> tuple[int, int] | None:
    """Give the longest stretch without speech that begins in the window; the later one of equals."""
    best: tuple[int, int] | None = None
    start = speech.find(PAUSE, earliest, latest)
    while start >= 0:
        end = speech.find(SPEECH, start)
        if best is None or end - start >= best[1] - best[0]:
            best = (start, end)
        start = speech.find(PAUSE, end, latest)
    return best


def _quietest(levels: bytes, earliest: int, latest: int, width: int) -> int:
    """Give the middle of the quietest `width` frames, the later one of equals."""
    total = sum(levels[earliest : earliest + width])
    best, best_total = earliest, total
    for first in range(earliest + 1, latest - width + 1):
        total += levels[first + width - 1] - levels[first - 1]
        if total <= best_total:
            best, best_total = first, total
    return best + width // 2


def _padded(stretches: list[tuple[int, int]], padding: int, total: int) -> Iterator[tuple[int, int]]:
    """Widen each by the padding; where two would meet, they share the pause between them."""
    floor = 0
    for index, (start, end) in enumerate(stretches):
        ceiling = total if index + 1 == len(stretches) else (end + stretches[index + 1][0]) // 2
        yield max(floor, start - padding), min(ceiling, end + padding)
        floor = ceiling
