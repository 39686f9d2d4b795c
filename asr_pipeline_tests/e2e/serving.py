"""`asr-pipeline up` and `serve` for tests: started on a free port, looked at, killed in parts, and always stopped."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import psutil

from asr_pipeline.defs.instance import prepare_home

LONGEST_WAIT_S = 400
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Served:
    """A running command."""

    process: "subprocess.Popen[bytes]"
    port: int
    printed: IO[str]

    def below(self, *words: str) -> list[psutil.Process]:
        """Give the processes that it has started, directly or not, whose command line holds all these words."""
        found = []
        for one in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = " ".join(one.cmdline())
                if all(word in command for word in words):
                    found.append(one)
        return found

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something; an end of the process, or too long a wait, is an AssertionError."""
        deadline_s = time.monotonic() + LONGEST_WAIT_S
        while not condition():
            assert self.process.poll() is None, f"it ended with {self.process.returncode}"
            assert time.monotonic() < deadline_s, f"{what}: not within {LONGEST_WAIT_S} s"
            time.sleep(0.1)


@contextmanager
def served(data_dir: Path, command: str = "up", *, program: str = "asr_pipeline") -> Iterator[Served]:
    """Start a command, and stop it as Ctrl-C does. After a failure, what it printed is told.

    `program` is the module to start in place of the product's: one that forces a fault, and is the product otherwise.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        TemporaryFile("w+") as printed,
        subprocess.Popen(
            [sys.executable, "-m", program, command, "--port", str(port)],
            env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir), "PYTHONPATH": str(REPOSITORY)},
            stdout=printed,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            yield Served(process, port, printed)
        except AssertionError as error:
            error.add_note(str(printed.seek(0) or printed.read())[-20_000:])
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(180)


def let_dagster_look_often(home: Path) -> None:
    """Have Dagster look for runs that died every two seconds, not every thirty; everything else is as it comes."""
    prepare_home(home)
    settings = home / "dagster.yaml"
    usual = settings.read_text()
    assert "poll_interval_seconds: 30" in usual
    settings.write_text(usual.replace("poll_interval_seconds: 30", "poll_interval_seconds: 2"))


def kill(processes: list[psutil.Process]) -> None:
    """Kill processes, all at once, with no chance to say a word."""
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    psutil.wait_procs(processes, timeout=60)
