"""Faults at random moments: worker, run, code server, gateway or PostgreSQL killed, or the disk nearly full."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil
from soaking.house import House

AWAY_S = 5.0  # PostgreSQL, and the gateway until it is started again, as deploy/systemd has it
FULL_S = 15.0
FOUND_MAX_S = 25.0  # how long a process to kill is waited for: runs come and go


@dataclass
class Fault:
    """What was done, and when, in seconds since 1970."""

    kind: str
    began_s: float
    ended_s: float
    told: str


@dataclass
class Faults:
    """A thread that does one after another, in an order by the seed in which each kind comes as often as others."""

    house: House
    seed: int
    every_s: float
    done: list[Fault] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make what it needs."""
        self._chance = random.Random(f"{self.seed} faults")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="faults")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the one under way: everything is up again."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _kinds(self) -> dict[str, Callable[[], str]]:
        kinds = {
            "worker killed": lambda: self._kill("worker"),
            "run killed": lambda: self._kill("run"),
            "code server killed": lambda: self._kill("code server"),
            "gateway killed": self._kill_gateway,
            "PostgreSQL killed": self._restart_postgresql,
            "disk nearly full": self._fill_disk,
        }
        if not self.house.disk.is_own:
            del kinds["disk nearly full"]
        return kinds

    def _work(self) -> None:
        kinds = self._kinds()
        waiting: list[str] = []
        wait_s = self._chance.uniform(0.2, 0.6) * self.every_s
        while not self._stopping.wait(wait_s):
            if not waiting:
                waiting = self._chance.sample(list(kinds), len(kinds))
            kind, began_s = waiting.pop(), time.time()
            try:
                told = kinds[kind]()
            except Exception as error:  # noqa: BLE001 - the soak goes on, and tells of it
                told = f"could not: {error!r}"
                self.errors.append(f"{kind}: {told}")
            self.done.append(Fault(kind, began_s, time.time(), told))
            print(f"  {time.strftime('%H:%M:%S')} {kind}: {told}", flush=True)
            wait_s = max(5.0, self._chance.uniform(0.5, 1.5) * self.every_s - (time.time() - began_s))

    def _kill(self, role: str) -> str:
        deadline_s = time.monotonic() + FOUND_MAX_S
        while time.monotonic() < deadline_s and not self._stopping.is_set():
            if some := self.house.processes().get(role):
                one = self._chance.choice(some)
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
                    return f"{one.pid}, one of {len(some)}"
            time.sleep(0.1)
        return "there was none"

    def _kill_gateway(self) -> str:
        self.house.kill("serve")
        time.sleep(AWAY_S)
        self.house.start("serve")
        return f"started again after {AWAY_S:.0f} s"

    def _restart_postgresql(self) -> str:
        self.house.server.kill()
        time.sleep(AWAY_S)
        self.house.server.start()
        return f"started again after {AWAY_S:.0f} s"

    def _fill_disk(self) -> str:
        self.house.disk.squeeze()
        try:
            self._stopping.wait(FULL_S)
        finally:
            self.house.disk.release()
        return f"for {FULL_S:.0f} s"
