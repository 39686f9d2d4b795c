"""When failed recordings are tried again."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.retry import FIRST_WAIT, LONGEST_WAIT, is_due, next_try

NOW = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)


def test_soon_at_first_then_more_rarely() -> None:
    waits = [next_try(NOW, failures) - NOW for failures in (1, 2, 3)]
    assert waits == [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4]


@given(failures=st.integers(1, 2**31))
def test_never_later_than_the_longest_wait_and_never_sooner_than_before(failures: int) -> None:
    assert FIRST_WAIT <= next_try(NOW, failures) - NOW <= LONGEST_WAIT
    assert next_try(NOW, failures) <= next_try(NOW, failures + 1)


def test_due_when_the_wait_is_over_or_the_clock_was_set_back() -> None:
    second = dt.timedelta(seconds=1)
    moments = [NOW + FIRST_WAIT - second, NOW + FIRST_WAIT, NOW - FIRST_WAIT, NOW - FIRST_WAIT - second]
    assert [is_due(NOW, 1, moment) for moment in moments] == [False, True, False, True]
