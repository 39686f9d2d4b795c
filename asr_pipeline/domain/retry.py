"""When a recording that failed transiently is tried again by itself: soon at first, then ever more rarely."""

import datetime as dt

FIRST_WAIT = dt.timedelta(minutes=10)
LONGEST_WAIT = dt.timedelta(days=1)


def next_try(failed_at: dt.datetime, failures: int) -> dt.datetime:
    """Give the moment from which a recording may be tried again, after `failures` (from 1) failures in a row."""
    doublings = min(failures - 1, 20)  # far beyond the longest wait, and still a time that can be held
    return failed_at + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)
