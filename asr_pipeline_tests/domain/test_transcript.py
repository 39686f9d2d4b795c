"""Order and sentences of utterances."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.transcript import Utterance, Word, as_sentence, in_time_order, without_gaps

words = st.builds(
    Word,
    text=st.sampled_from(["one", "two"]),
    start_s=st.floats(0, 1000),
    end_s=st.floats(1000, 2000),
    confidence=st.floats(0, 1),
)
utterances = st.lists(
    st.builds(
        Utterance,
        index=st.just(0),
        channel=st.integers(0, 3),
        words=st.lists(words, min_size=1, max_size=3).map(lambda found: tuple(sorted(found, key=lambda w: w.start_s))),
    )
)


@given(utterances, st.randoms())
def test_the_order_of_time_does_not_depend_on_what_finished_first(found: list[Utterance], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    ordered = in_time_order(shuffled)
    assert [u.index for u in ordered] == list(range(len(found)))
    assert [u.start_s for u in ordered] == sorted(u.start_s for u in found)
    assert sorted(u.text for u in ordered) == sorted(u.text for u in found)


@given(st.text())
def test_a_sentence_is_made_once(text: str) -> None:
    once = as_sentence(text)
    assert as_sentence(once) == once
    assert once == "" or once[-1] in ".?!…"


def test_a_sentence_has_a_capital_and_a_full_stop() -> None:
    assert as_sentence("has she done the shopping yet") == "Has she done the shopping yet."
    assert as_sentence("Is it?") == "Is it?"
    assert as_sentence("  ") == ""


@pytest.mark.parametrize(
    ("sentence", "given_to_translators"),
    [
        ("Please call … tomorrow.", "Please call tomorrow."),
        ("… the meeting is … on monday ….", "The meeting is on monday."),
        ("Call me ….", "Call me."),
        ("Wait… what?", "Wait… what?"),
        (" call me ", "call me"),
        ("….", "…."),
        ("…", "…"),
        ("", ""),
    ],
)
def test_translators_are_not_given_what_was_not_understood(sentence: str, given_to_translators: str) -> None:
    assert without_gaps(sentence) == given_to_translators
