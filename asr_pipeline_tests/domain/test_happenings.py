"""Events can be gone on with after any of them: nothing twice, nothing left out."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.happenings import Cursor, Happening, Kind, Standing, happenings
from asr_pipeline.domain.progress import Progress
from asr_pipeline.domain.transcript import Utterance, Word
from asr_pipeline.domain.translation import Translation

SPOKEN = [Utterance(n, 0, (Word(f"word{n}", n, n + 1, 1.0),)) for n in range(9)]
SENTENCES = [Translation(n, "fa", f"sentence {n}") for n in range(9)]


@st.composite
def histories(draw: st.DrawFn) -> list[Standing]:
    """Give what a watcher sees of one recording that is done at last, at some of the moments on the way."""
    count = draw(st.integers(0, 5))
    spans = draw(st.lists(st.integers(0, count), max_size=4).map(sorted))
    whole = Standing(Progress.TRANSLATING, None, (), "ab", SPOKEN[:count])
    done = Standing(Progress.DONE, None, (), "ab", SPOKEN[:count], "cd", SENTENCES[:count])
    all_moments = [
        Standing(Progress.QUEUED),
        *(Standing(Progress.TRANSCRIBING, None, SPOKEN[:span]) for span in spans),
        whole,
        Standing(Progress.TRANSLATING, None, (), "ab", SPOKEN[:count], "cd", SENTENCES[:count]),
        done,
    ]
    return [one for one in all_moments if one is done or draw(st.booleans())]


def told(history: Sequence[Standing], breaks: Sequence[int] = ()) -> list[Happening]:
    """Follow a history; after some events the client comes again with the id of the last that it heard."""
    cursor, heard = Cursor(), []
    number = 0
    while number < len(history):
        for happening in happenings(cursor, history[number]):
            heard.append(happening)
            cursor = happening.cursor
            if len(heard) in breaks:
                cursor = Cursor.read(str(cursor))
                break
        else:
            number += 1
    return heard


@given(histories(), st.lists(st.integers(1, 30), max_size=4))
def test_whoever_comes_again_hears_the_same(history: list[Standing], breaks: list[int]) -> None:
    once = told(history)
    assert told(history, breaks) == once
    finals = [one.what for one in once if one.kind is Kind.UTTERANCE and one.is_final]
    assert finals == list(history[-1].utterances)
    assert [one.what for one in once if one.kind is Kind.TRANSLATION] == list(history[-1].translations)
    states = [list(Progress).index(one.what) for one in once if isinstance(one.what, Progress)]
    assert states == sorted(set(states))
    assert once[-1].what is Progress.DONE
    assert len({str(one.cursor) for one in once}) == len(once)
    assert list(happenings(once[-1].cursor, history[-1])) == []


def test_states_that_were_missed_are_told() -> None:
    history = [Standing(Progress.QUEUED), Standing(Progress.DONE, None, (), "ab", SPOKEN[:1], "cd", SENTENCES[:1])]
    assert [one.what if one.kind is Kind.STATE else one.kind for one in told(history)] == [
        Progress.QUEUED,
        Progress.TRANSCRIBING,
        Progress.TRANSLATING,
        Kind.UTTERANCE,
        Kind.TRANSLATION,
        Progress.DONE,
    ]


def test_a_failure_ends_it_and_a_second_try_begins_anew() -> None:
    failed = Standing(Progress.FAILED, "no sound")
    first = told([Standing(Progress.TRANSCRIBING), failed])
    assert [one.what for one in first] == [Progress.TRANSCRIBING, Progress.FAILED]
    again = list(happenings(first[-1].cursor, Standing(Progress.TRANSCRIBING)))
    assert [one.what for one in again] == [Progress.TRANSCRIBING]


def test_what_is_made_anew_is_told_anew() -> None:
    done = Standing(Progress.DONE, None, (), "ab", SPOKEN[:1], "cd", SENTENCES[:1])
    last = told([done])[-1].cursor
    anew = Standing(Progress.DONE, None, (), "ef", SPOKEN[:2], "cd", SENTENCES[:1])
    assert [one.what for one in happenings(last, anew)] == [*SPOKEN[:2], Progress.DONE]


@given(st.text(max_size=40))
def test_what_is_no_id_is_the_beginning(text: str) -> None:
    assert Cursor.read(text) == Cursor()
