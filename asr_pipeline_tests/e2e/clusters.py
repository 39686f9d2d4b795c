"""A scheduler and workers for tests: processes as people start them, on loopback or each in a network of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from asr_pipeline_tests.e2e.serving import REPOSITORY
from asr_pipeline_tests.ports import free_port

LONGEST_WAIT_S = 240


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something; too long a wait is an AssertionError."""
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what}: not within {LONGEST_WAIT_S} s"
        time.sleep(0.05)


@dataclass
class Worker:
    """A worker process with the one that looks after it; `hold` keeps its spans from coming to an end."""

    process: "subprocess.Popen[bytes]"
    held_by: Path
    heard_in: Path

    def hold(self) -> None:
        self.held_by.touch()

    def let_go(self) -> None:
        self.held_by.unlink(missing_ok=True)

    @property
    def heard(self) -> list[str]:
        """Spans that came to an end here."""
        return self.heard_in.read_text().splitlines() if self.heard_in.exists() else []


@dataclass
class Nodes:
    """A scheduler that may be killed and started again, and workers that come and go."""

    folder: Path
    host: str
    printed: IO[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    workers: dict[str, Worker] = field(default_factory=dict)
    _scheduler: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"dask://{self.host}:{self.port}"

    def start_scheduler(self) -> None:
        ports = "--port", str(self.port), "--http-port", str(self.http_port)
        self._scheduler = self._start("scheduler", "--host", self.host, *ports)
        wait_until(lambda: self.metric("dask_scheduler_clients") is not None, "a scheduler")

    def kill_scheduler(self) -> None:
        assert self._scheduler is not None
        kill(self._scheduler)

    def start_worker(
        self, name: str, *, held: bool = False, host: str | None = None, within: tuple[str, ...] = ()
    ) -> Worker:
        """Start a worker. `within` comes before the command: what puts it into another network."""
        at = ("--host", host) if host else ()
        files = self.folder / f"{name}.held", self.folder / f"{name}.heard"
        faults = {
            "HELD_BY": str(files[0]),
            "HEARD_IN": str(files[1]),
            "DASK_DISTRIBUTED__WORKER__PRELOAD": '["asr_pipeline_tests.e2e.held_worker"]',
            "ASR_PIPELINE_DATA_DIR": str(self.folder / f"{name}.data"),
        }
        process = self._start("worker", self.address, "--threads", "1", *at, within=within, more=faults)
        worker = self.workers[name] = Worker(process, *files)
        if held:
            worker.hold()
        return worker

    def wait_for_workers(self, count: int) -> None:
        def there() -> bool:
            states = ("idle", "partially_saturated", "saturated")
            return sum(self.metric(f'dask_scheduler_workers{{state="{one}"}}') or 0 for one in states) == count

        wait_until(there, f"{count} workers")

    def wait_for_work(self, spans: int = 1) -> None:
        """Wait until so many spans are with workers."""
        wait_until(
            lambda: (self.metric('dask_scheduler_tasks{state="processing"}') or 0) >= spans, f"{spans} spans under way"
        )

    def metric(self, name: str) -> float | None:
        """Give one of the scheduler's metrics; None where it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.http_port}/metrics", timeout=10) as answer:
                found = re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.MULTILINE)
        except OSError:
            return None
        return float(found[1]) if found else None

    def stop(self) -> None:
        processes = [worker.process for worker in self.workers.values()]
        for process in [*processes, *([self._scheduler] if self._scheduler else [])]:
            kill(process)

    def _start(
        self, *arguments: str, within: tuple[str, ...] = (), more: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*within, sys.executable, "-m", "asr_pipeline", *arguments],
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | {**self.environment, **(more or {})},
            stdout=self.printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process with all that it started, as a machine that loses its power does."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def nodes(folder: Path, host: str = "127.0.0.1", **environment: str) -> Iterator[Nodes]:
    """Start a scheduler, and stop everything at the end. After a failure, what was printed is told."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile("w+") as printed:
        cluster = Nodes(folder, host, printed, environment)
        try:
            cluster.start_scheduler()
            yield cluster
        except BaseException as error:
            printed.seek(0)
            error.add_note(printed.read()[-20_000:])
            raise
        finally:
            cluster.stop()
