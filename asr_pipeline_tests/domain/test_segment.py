"""Grouping of segments into spans."""

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.segment import Segment, group_into_spans


@given(st.lists(st.floats(0.1, 30), max_size=60), st.floats(1, 60))
def test_spans_hold_every_segment_once_and_in_order(lengths_s: list[float], target_s: float) -> None:
    segments = [Segment(i, 0, 100.0 * i, 100.0 * i + length) for i, length in enumerate(lengths_s)]
    spans = list(group_into_spans("r", segments, target_s=target_s))
    assert [segment for span in spans for segment in span.segments] == segments
    assert [span.index for span in spans] == list(range(len(spans)))
    assert all(span.speech_s >= target_s * 0.999 for span in spans[:-1])
    assert all(span.speech_s - span.segments[-1].duration_s < target_s for span in spans)
