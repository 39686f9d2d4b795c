"""Segments of speech between pauses, and the spans of neighbouring segments that are the unit of parallel work."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one channel that holds speech, padding included. Times are relative to the recording."""

    index: int
    channel: int
    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Span:
    """Neighbouring segments of one recording, recognised in one task."""

    recording_id: str
    index: int
    segments: tuple[Segment, ...]

    @property
    def speech_s(self) -> float:
        """Seconds of audio to recognise."""
        return sum(segment.duration_s for segment in self.segments)


def group_into_spans(recording_id: str, segments: Iterable[Segment], *, target_s: float) -> Iterator[Span]:
    """Cut segments, in their order, into spans that end once they hold `target_s` seconds or more."""
    index = 0
    group: list[Segment] = []
    held_s = 0.0
    for segment in segments:
        group.append(segment)
        held_s += segment.duration_s
        if held_s >= target_s:
            yield Span(recording_id, index, tuple(group))
            index, group, held_s = index + 1, [], 0.0
    if group:
        yield Span(recording_id, index, tuple(group))
