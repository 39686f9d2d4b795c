"""What monitoring reads besides the backlog: totals over all processes, arrivals, webhooks, the last verification."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.arrival import Outcome
from asr_pipeline.domain.tally import Tally
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import arrivals, stage_commits, tallies, verifications, webhook_deliveries


@dataclass(frozen=True, slots=True)
class LastVerification:
    """When it ended, and how much was wrong."""

    ended_at: dt.datetime
    findings: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals by (name, stage, kind); None where nothing has been committed, or verified, yet."""

    tallies: Mapping[tuple[Tally, str, str], float]
    arrivals: Mapping[Outcome, int]
    webhooks_waiting: int
    last_commit_at: dt.datetime | None
    last_verification: LastVerification | None


def totals(engine: Engine) -> Totals:
    """Look everything up, in one state of the database."""
    with reading(engine) as connection:
        waiting = sa.select(sa.func.count()).where(webhook_deliveries.c.due_at.is_not(None))
        last_commit = sa.select(stage_commits.c.committed_at).order_by(stage_commits.c.committed_at.desc()).limit(1)
        return Totals(
            tallies=_tallies(connection),
            arrivals=_arrivals(connection),
            webhooks_waiting=connection.execute(waiting).scalar_one(),
            last_commit_at=connection.execute(last_commit).scalar(),
            last_verification=_last_verification(connection),
        )


def _tallies(connection: Connection) -> dict[tuple[Tally, str, str], float]:
    """Leave out what an older or newer version of the program counts, and this one does not know."""
    rows = connection.execute(sa.select(tallies.c.name, tallies.c.stage, tallies.c.kind, tallies.c.value))
    known = {tally.value for tally in Tally}
    return {(Tally(name), stage, kind): value for name, stage, kind, value in rows if name in known}


def _arrivals(connection: Connection) -> dict[Outcome, int]:
    query = sa.select(arrivals.c.outcome, sa.func.count()).group_by(arrivals.c.outcome)
    return dict.fromkeys(Outcome, 0) | {Outcome(outcome): count for outcome, count in connection.execute(query)}


def _last_verification(connection: Connection) -> LastVerification | None:
    query = sa.select(verifications.c.ended_at, verifications.c.findings).order_by(verifications.c.number.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else LastVerification(*row)
