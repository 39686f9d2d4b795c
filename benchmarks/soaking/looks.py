"""A look a second: memory by role, and how much waits."""

import contextlib
import csv
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import sqlalchemy as sa
from soaking.house import MIB, House

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.storage.tables import recordings

ALL = "all together"  # told, not judged: it goes with the number of runs and workers
SETTLED_S = 15  # a younger process still loads; runs end before
GROWTH_MAX, GROWTH_MAX_MIB = 0.20, 50.0  # both must be passed
UNFINISHED = [RecordingState.IN_PROGRESS.value, RecordingState.FAILED.value]


@dataclass
class Look:
    """One look: MiB of the largest process of each role, and what waits (None while PostgreSQL is away)."""

    at_s: float
    mib: dict[str, float]
    waiting: int | None


@dataclass
class Growth:
    """Medians of a role's largest process in the second and in the last sixth of the time, MiB."""

    role: str
    before_mib: float
    after_mib: float

    @property
    def mib(self) -> float:
        """Give how much more it is."""
        return self.after_mib - self.before_mib

    @property
    def share(self) -> float:
        """Give that as a fraction."""
        return self.mib / self.before_mib

    @property
    def is_too_much(self) -> bool:
        """Tell whether memory counts as not flat."""
        return self.role != ALL and self.share > GROWTH_MAX and self.mib > GROWTH_MAX_MIB

    def row(self) -> str:
        """Give a row of the table."""
        growth = f"{self.mib:+.0f} MiB, {self.share:+.0%}"
        return f"| {self.role} | {self.before_mib:.0f} MiB | {self.after_mib:.0f} MiB | {growth} |"


@dataclass
class Looks:
    """A thread that looks each second until it is stopped."""

    house: House
    all: list[Look] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make what it needs."""
        self._engine = sa.create_engine(
            self.house.server.url, poolclass=sa.NullPool, connect_args={"connect_timeout": 2}
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="looks")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def waiting(self) -> int | None:
        """Count what lies in the inbox, or is registered and neither done nor given up."""
        try:
            with self._engine.connect() as connection:
                wanted = sa.select(sa.func.count()).where(recordings.c.state.in_(UNFINISHED))
                registered = int(connection.execute(wanted).scalar_one())
        except sa.exc.DBAPIError:
            return None
        inbox = self.house.data_dir / "inbox"
        return registered + sum(1 for one in inbox.iterdir() if one.suffix == ".wav")

    def growth(self, began_s: float, ended_s: float) -> list[Growth]:
        """Compare the second sixth of the time with the last, for each role that was there in both."""
        sixth_s = (ended_s - began_s) / 6
        found = []
        for role in sorted({role for look in self.all for role in look.mib}):
            early = self._of(role, began_s + sixth_s, began_s + 2 * sixth_s)
            late = self._of(role, ended_s - sixth_s, ended_s)
            if early and late:
                found.append(Growth(role, statistics.median(early), statistics.median(late)))
        return found

    def not_compared(self, compared: Sequence[Growth]) -> list[str]:
        """Give the roles that were not there in both parts of the time."""
        return sorted({role for look in self.all for role in look.mib} - {one.role for one in compared})

    def write(self, file: Path) -> None:
        """Keep all looks as CSV."""
        roles = sorted({role for look in self.all for role in look.mib})
        with file.open("w", newline="") as out:
            table = csv.writer(out)
            table.writerow(["at_s", "waiting", *(f"{role} MiB" for role in roles)])
            for look in self.all:
                mib = [round(look.mib[role], 1) if role in look.mib else "" for role in roles]
                table.writerow([round(look.at_s, 1), "" if look.waiting is None else look.waiting, *mib])

    def _of(self, role: str, from_s: float, until_s: float) -> list[float]:
        return [look.mib[role] for look in self.all if from_s <= look.at_s < until_s and role in look.mib]

    def _work(self) -> None:
        while not self._stopping.wait(1):
            try:
                self.all.append(Look(time.time(), self._mib(), self.waiting()))
                self.house.look_after()
            except Exception as error:  # noqa: BLE001 - the soak goes on, and tells of it
                self.errors.append(f"a look failed: {error!r}")

    def _mib(self) -> dict[str, float]:
        mib: dict[str, float] = {}
        for role, some in self.house.processes().items():
            for one in some:
                with contextlib.suppress(psutil.Error):
                    rss_mib = one.memory_info().rss / MIB
                    if role == "run" or time.time() - one.create_time() > SETTLED_S:
                        mib[role] = max(rss_mib, mib.get(role, 0))
                    mib[ALL] = mib.get(ALL, 0) + rss_mib
        return mib
