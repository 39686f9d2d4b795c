"""Keeps a group of processes running until a person stops it, and leaves none of them behind."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from asr_pipeline.cli.console import errors

SHORTEST_LIFE_S = 20.0
SHORT_LIVES_MAX = 3  # so often in a row what ends sooner can't start: it is not started again
STOP_MAX_S = 15.0
LOOK_EVERY_S = 2.0
MEANWHILE_EVERY_S = 8.0
REPLACED_WITHIN_S = 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def keep_running(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    vital: str,
    meanwhile: Callable[[], None],
) -> int:
    """Run a command, again whenever it ends by itself, until SIGINT or SIGTERM; gives the exit code.

    It counts as ended too where the one of its processes is gone whose command line holds `vital`, for longer than it
    takes to be replaced. `meanwhile` is called every now and then.

    Its children are in a group of their own, which goes with it: one that lived on would hold the port. What they were
    at is taken up again after the restart.
    """
    stopping = False
    running: list[subprocess.Popen[bytes]] = []

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True
        for one in running:
            one.send_signal(signal.SIGINT)

    # A shell's `&` has SIGINT ignored, and children inherit that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    short_lives = 0
    while True:
        started_s = time.monotonic()
        with subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            command,
            env=environment,
            cwd=folder,
            start_new_session=True,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no thread has been started here
        ) as child:
            running[:] = [child]
            if stopping:  # it came before there was a child to tell
                child.send_signal(signal.SIGINT)
            try:
                code = _wait(child, vital, meanwhile)
            finally:
                _end_group(child.pid, signal.SIGTERM if stopping else signal.SIGKILL)
        if stopping:
            return max(0, code)
        short_lives = short_lives + 1 if time.monotonic() - started_s < SHORTEST_LIFE_S else 0
        if short_lives == SHORT_LIVES_MAX:
            return code or 1
        errors.print("Dagster ended unexpectedly, and is started again.")


def _wait(child: "subprocess.Popen[bytes]", vital: str, meanwhile: Callable[[], None]) -> int:
    """Wait for the end of a process, or of the vital one in its group; gives the exit code, 1 for the latter."""
    seen_s: float | None = None
    called_s = time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(LOOK_EVERY_S)
        now_s = time.monotonic()
        if now_s - called_s > MEANWHILE_EVERY_S:
            called_s = now_s
            meanwhile()
        if any(vital in command for command in _commands_in_group(child.pid)):
            seen_s = now_s
        elif seen_s is not None and now_s - seen_s > REPLACED_WITHIN_S:
            return 1


def _commands_in_group(group: int) -> Iterator[str]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[2]) == group:
                    yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _end_with_parent() -> None:
    """Have the kernel interrupt this process when its parent dies, however that happens."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _end_group(group: int, first: signal.Signals) -> None:
    """End what is left of a group: asked first, if `first` asks, then killed."""
    deadline_s = time.monotonic() + STOP_MAX_S
    with contextlib.suppress(ProcessLookupError):  # nobody is left
        os.killpg(group, first)
        while time.monotonic() < deadline_s:
            os.killpg(group, 0)
            time.sleep(0.1)
        os.killpg(group, signal.SIGKILL)
