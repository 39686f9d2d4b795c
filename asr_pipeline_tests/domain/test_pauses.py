"""Frames of speech -> stretches: the rules hold for any frames."""

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.pauses import PauseRules, speech_stretches

RULES = PauseRules(frame_ms=30, min_pause_ms=500, padding_ms=240, min_speech_ms=90, max_segment_s=30)


def frames(text: str) -> bytes:
    """Speech for '#', none for '.'."""
    return bytes(c == "#" for c in text)


def stretches(text: str, rules: PauseRules = RULES, levels: bytes | None = None) -> list[tuple[int, int]]:
    speech = frames(text)
    return speech_stretches(speech, levels if levels is not None else bytes(len(speech)), rules)


def test_silence_has_none() -> None:
    assert stretches("." * 500) == []
    assert stretches("") == []


def test_a_gap_within_a_word_does_not_cut() -> None:
    assert stretches("." * 20 + "#" * 10 + "." * 5 + "#" * 10 + "." * 20) == [(12, 53)]


def test_a_pause_cuts_and_padding_is_shared() -> None:
    rules = PauseRules(frame_ms=30, min_pause_ms=500, padding_ms=300, min_speech_ms=90, max_segment_s=30)
    assert stretches("#" * 20 + "." * 16 + "#" * 20, rules) == [(0, 28), (28, 56)]


def test_a_blip_is_dropped_and_a_short_word_is_not() -> None:
    assert stretches("." * 50 + "##" + "." * 50) == []
    assert stretches("." * 50 + "###" + "." * 50) == [(42, 61)]


def test_long_speech_is_cut_in_its_longest_short_gap() -> None:
    text = "#" * 700 + "." * 3 + "#" * 100 + "." * 9 + "#" * 60 + "." * 4 + "#" * 400
    first, second = stretches(text)
    assert 803 <= first[1] <= 812
    assert 803 <= second[0] <= 812
    assert first[1] <= second[0]


def test_speech_without_any_gap_is_cut_at_its_quietest() -> None:
    levels = bytearray([120]) * 1500
    levels[800:804] = bytes([40]) * 4
    (_, end), (start, _) = stretches("#" * 1500, levels=bytes(levels))
    assert end == start
    assert 800 <= end <= 803


runs = st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=30)


@st.composite
def cases(draw: st.DrawFn) -> tuple[bytes, bytes, PauseRules]:
    speech = b"".join(bytes([speaks]) * length for speaks, length in draw(runs))
    seed = draw(st.binary(min_size=1, max_size=50))
    levels = (seed * (len(speech) // len(seed) + 1))[: len(speech)]
    rules = PauseRules(
        frame_ms=draw(st.sampled_from([10, 20, 30, 32])),
        min_pause_ms=draw(st.integers(100, 2000)),
        padding_ms=draw(st.integers(0, 1000)),
        min_speech_ms=draw(st.integers(0, 400)),
        max_segment_s=draw(st.integers(5, 60)),
    )
    return speech, levels, rules


@given(cases())
def test_stretches_are_in_order_inside_and_never_overlap(case: tuple[bytes, bytes, PauseRules]) -> None:
    speech, levels, rules = case
    found = speech_stretches(speech, levels, rules)
    edges = [0, *(edge for stretch in found for edge in stretch), len(speech)]
    assert edges == sorted(edges)
    assert all(start < end for start, end in found)


@given(cases())
def test_none_is_longer_than_the_limit(case: tuple[bytes, bytes, PauseRules]) -> None:
    speech, levels, rules = case
    for start, end in speech_stretches(speech, levels, rules):
        assert (end - start) * rules.frame_ms <= rules.max_segment_s * 1000


@given(cases())
def test_no_frame_of_speech_is_lost(case: tuple[bytes, bytes, PauseRules]) -> None:
    speech, levels, rules = case
    kept = PauseRules(rules.frame_ms, rules.min_pause_ms, rules.padding_ms, 0, rules.max_segment_s)
    held = bytearray(len(speech))
    for start, end in speech_stretches(speech, levels, kept):
        held[start:end] = b"\x01" * (end - start)
    assert all(h for h, s in zip(held, speech, strict=True) if s)
