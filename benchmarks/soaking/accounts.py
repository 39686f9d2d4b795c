"""At the end: where each file that was sent stands, and how long each took from its arrival to done in SQL."""

import datetime as dt
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import sqlalchemy as sa
from soaking.faults import Fault
from soaking.sender import Kind, Sent

from asr_pipeline.domain.arrival import Outcome
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.tables import arrivals, recordings, stage_commits

AFTERMATH_S = 30.0  # after a fault's end: what overlaps with it is no calm time


@dataclass(frozen=True)
class Known:
    """What SQL knows of a file by its name."""

    outcome: str
    state: str | None
    sha256: str | None
    reason: str | None
    done_s: float


@dataclass
class Account:
    """How many files ended how, and those that ended as they must not."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    done: list[tuple[Sent, float]] = field(default_factory=list)  # with the moment, seconds since 1970


def account(database: sa.Engine, sent: Sequence[Sent]) -> Account:
    """Find each file that was sent in SQL. Nothing else may be there."""
    found, known = Account(), _known(database)
    for one in sent:
        end, is_right = _end(one, known.get(one.name, []))
        found.ends[f"{one.kind}, {end}"] += 1
        if not is_right:
            found.wrong.append(f"{one.name} by {one.way}: {end}; {one.attempts} attempts, last answer {one.answer}")
        elif one.kind is Kind.SOUND and one.arrived_s is not None:
            found.done.append((one, max(each.done_s for each in known[one.name])))
    found.wrong += [f"{name}: nobody has sent it" for name in known.keys() - {one.name for one in sent}]
    expected = {one.sha256 for one in sent if not one.is_corrupt}
    done = {each.sha256 for some in known.values() for each in some if each.state == RecordingState.DONE}
    if done != expected:
        found.wrong.append(f"expected {len(expected)} recordings done, found {len(done)}")
    return found


def _end(one: Sent, known: list[Known]) -> tuple[str, bool]:
    """Say how a file ended, and whether it may."""
    if not known:
        refused = one.way == "HTTP" and one.answer.startswith(("415", "422"))
        return ("refused at once" if refused else "unknown to SQL"), refused and one.is_corrupt
    states = {each.state for each in known if each.outcome == Outcome.ACCEPTED}
    if one.is_corrupt:
        return (
            ("quarantined", True) if states <= {RecordingState.QUARANTINED} else (f"{sorted(map(str, states))}", False)
        )
    if states != {RecordingState.DONE}:
        told = {f"{each.outcome}, {each.state}, {each.reason}" for each in known}
        return "; ".join(sorted(told)), False
    is_same = {each.sha256 for each in known} == {one.sha256}
    return ("done" if is_same else "done, with other bytes"), is_same


def _known(database: sa.Engine) -> dict[str, list[Known]]:
    done_at = (
        sa.select(stage_commits.c.recording_number, sa.func.max(stage_commits.c.committed_at).label("done_at"))
        .group_by(stage_commits.c.recording_number)
        .subquery()
    )
    rows = sa.select(
        arrivals.c.path,
        arrivals.c.outcome,
        recordings.c.state,
        recordings.c.sha256,
        sa.func.coalesce(recordings.c.reason, arrivals.c.reason),
        done_at.c.done_at,
    ).select_from(
        arrivals.outerjoin(recordings, recordings.c.recording_id == arrivals.c.recording_id).outerjoin(
            done_at, done_at.c.recording_number == recordings.c.number
        )
    )
    found = defaultdict(list)
    with database.connect() as connection:
        for path, outcome, state, sha256, reason, at in connection.execute(rows):
            found[PurePosixPath(path).name].append(Known(outcome, state, sha256, reason, _seconds(at)))
    return found


def _seconds(at: dt.datetime | None) -> float:
    if at is None:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp()


@dataclass
class Latency:
    """Seconds from arrival to done."""

    what: str
    took_s: list[float]

    def row(self) -> str:
        """Give a row of the table."""
        if len(self.took_s) < 2:
            return f"| {self.what} | {len(self.took_s)} | | | | |"
        parts = statistics.quantiles(self.took_s, n=100, method="inclusive")
        figures = " | ".join(f"{value:.1f} s" for value in (parts[49], parts[89], parts[98], max(self.took_s)))
        return f"| {self.what} | {len(self.took_s):,} | {figures} |"


def latencies(done: Sequence[tuple[Sent, float]], faults: Sequence[Fault], from_s: float) -> list[Latency]:
    """Give latencies of what arrived from a moment on: by way, all of it, and what met no fault or its aftermath."""
    some = [(one, one.arrived_s or 0.0, done_s) for one, done_s in done if one.offered_s >= from_s]
    calm = [
        (one, arrived_s, done_s)
        for one, arrived_s, done_s in some
        if not any(arrived_s < fault.ended_s + AFTERMATH_S and fault.began_s < done_s for fault in faults)
    ]
    found = []
    for way, name in (("inbox", "inbox, from the complete file"), ("HTTP", "HTTP, from the answer")):
        for label, those in ((name, some), (f"{name}; no fault within", calm)):
            took = [max(0.0, done_s - arrived_s) for one, arrived_s, done_s in those if one.way == way]
            found.append(Latency(label, took))
    accepted = [max(0.0, arrived_s - one.offered_s) for one, arrived_s, _ in some if one.way == "HTTP"]
    return [*found, Latency("HTTP, from the first attempt to the answer", accepted)]
