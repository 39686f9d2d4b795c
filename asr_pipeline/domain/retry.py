"""When a recording that failed transiently is tried again by itself: soon at first, then ever more rarely."""

import datetime as dt

FIRST_WAIT = dt.timedelta(minutes=10)
LONGEST_WAIT = dt.timedelta(days=1)


def next_try(failed_at: dt.datetime, failures: int) -> dt.datetime:
    """Give the moment from which a recording may be tried again, after `failures` (from 1) failures in a row."""
    doublings = min(failures - 1, 20)  # far beyond the longest wait, and still a time that can be held
    return failed_at + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def is_due(failed_at: dt.datetime, failures: int, now: dt.datetime) -> bool:
    """Tell whether a recording may be tried again: also where it failed in what is the future since a clock's change.

    Small differences between the clocks of several machines are none.
    """
    return next_try(failed_at, failures) <= now or failed_at - now > FIRST_WAIT
