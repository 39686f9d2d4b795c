"""Whether the rows of the database agree with one another. Each query takes a range of recordings, in one snapshot."""

from collections.abc import Callable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from asr_pipeline.domain.arrival import Outcome
from asr_pipeline.domain.ledger import Equation, Finding, FindingKind
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.tables import arrivals, recordings, stage_commits
from asr_pipeline.storage.verify_results import RESULT_RULES, Rule, counted_rows, or_zero, ranged

RECORDINGS_AT_A_TIME = 2000
RESTORE = "Restore it from a backup, or process the file again."


def equation(connection: Connection) -> Equation:
    """Count every file that was offered by where it stands."""
    there = arrivals.outerjoin(recordings, recordings.c.recording_id == arrivals.c.recording_id)
    query = (
        sa.select(arrivals.c.outcome, recordings.c.state, sa.func.count())
        .select_from(there)
        .group_by(arrivals.c.outcome, recordings.c.state)
    )
    counts = {(outcome, state): count for outcome, state, count in connection.execute(query)}
    accepted = {state: counts.get((Outcome.ACCEPTED, state), 0) for state in RecordingState}
    return Equation(
        files=sum(counts.values()),
        recordings=connection.execute(sa.select(sa.func.count()).select_from(recordings)).scalar_one(),
        done=accepted[RecordingState.DONE],
        in_progress=accepted[RecordingState.IN_PROGRESS],
        failed=accepted[RecordingState.FAILED],
        quarantined=accepted[RecordingState.QUARANTINED],
        refused=counts.get((Outcome.REFUSED, None), 0),
        dropped=accepted[RecordingState.DROPPED] + counts.get((Outcome.DROPPED, None), 0),
    )


def verify_rows(connection: Connection, advance: Callable[[int], None]) -> Iterator[Finding]:
    """Give what is wrong among the rows; `advance` hears how many recordings were looked at."""
    yield from _lost(connection)
    last: int = connection.execute(sa.select(sa.func.max(recordings.c.number))).scalar() or 0
    for low in range(1, last + 1, RECORDINGS_AT_A_TIME):
        high = low + RECORDINGS_AT_A_TIME - 1
        for rule in (*_RULES, *RESULT_RULES):
            yield from rule(connection, low, high)
        advance(min(high, last) - low + 1)


def _lost(connection: Connection) -> Iterator[Finding]:
    """Find accepted files whose recording has no row."""
    known = sa.exists().where(recordings.c.recording_id == arrivals.c.recording_id)
    query = (
        sa.select(arrivals.c.recording_id, sa.func.min(arrivals.c.number), sa.func.count())
        .where(arrivals.c.outcome == Outcome.ACCEPTED.value, ~known)
        .group_by(arrivals.c.recording_id)
        .order_by(arrivals.c.recording_id)
    )
    for recording_id, _, files in connection.execute(query):
        yield Finding(
            FindingKind.RECORDING_LOST,
            str(recording_id),
            f"{files:,} accepted file(s) say that they are this recording, which has no row",
            RESTORE,
        )


def _without_arrival(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    arrived = sa.exists().where(arrivals.c.recording_id == recordings.c.recording_id)
    for (recording_id,) in connection.execute(ranged(recordings.c.recording_id, low=low, high=high).where(~arrived)):
        yield Finding(
            FindingKind.RECORDING_WITHOUT_ARRIVAL,
            recording_id,
            "no file is noted that came as this recording",
            "Restore the ledger from a backup, or offer the file again: `asr-pipeline process FILE`.",
        )


def _states(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    """Find states that the commits deny: done means that every stage is committed and no failure noted."""
    commits = counted_rows(stage_commits, low, high, "commits", only=~stage_commits.c.outdated)
    query = (
        ranged(recordings.c.recording_id, recordings.c.state, or_zero(commits.c.commits), low=low, high=high)
        .outerjoin(commits, commits.c.recording_number == recordings.c.number)
        .where(
            ((recordings.c.state == RecordingState.DONE.value) & (or_zero(commits.c.commits) != len(Stage)))
            | ((recordings.c.state == RecordingState.IN_PROGRESS.value) & (commits.c.commits == len(Stage)))
        )
    )
    for recording_id, state, committed in connection.execute(query):
        yield Finding(
            FindingKind.STATE_WRONG,
            recording_id,
            f"it is {state}, with {committed} of {len(Stage)} stages committed",
            "Process it again: `asr-pipeline process FILE --again`.",
        )


_RULES: tuple[Rule, ...] = (_without_arrival, _states)
