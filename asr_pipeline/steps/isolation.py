"""One child process for calls that may crash or hang: what happens there harms nobody else."""

import contextlib
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from asr_pipeline.steps.isolated import OUT_OF_MEMORY
from asr_pipeline.steps.threads import DaemonThreads

T = TypeVar("T")

# The child finds modules where this process does, whatever was done to its path.
_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from asr_pipeline.steps.isolated import main
main(int(sys.argv[2]), int(sys.argv[3]))
"""


class ChildDied(Exception):
    """The child process ended in mid-call. Its text says how."""


class Isolation:
    """Makes one call at a time in a child process, which is started when there is one to make."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._thread = DaemonThreads(1, "isolation")
        self._exchange_now: Future[Any] | None = None
        self.began_s: float | None = None

    def submit(self, work: Callable[..., T], arguments: tuple[object, ...]) -> "Future[tuple[T, float]]":
        """Begin a call; its future gives the result and the seconds it took, or raises its error, or ChildDied.

        `began_s` is the moment at which the child, its modules loaded, began with it; None before.
        """
        self.began_s = None
        if self._child is None or self._child.poll() is not None:
            self.kill()
            self._start()
        self._exchange_now = self._thread.submit(self._exchange, pickle.dumps((work, arguments)))
        return self._exchange_now

    def kill(self) -> None:
        """End the child, whatever it does; the next call has a new one."""
        if self._child is not None and self._connection is not None:
            self._child.kill()
            self._child.wait()
            if self._exchange_now is not None:
                wait([self._exchange_now])  # it meets the end of the connection, which can be closed then
            self._connection.close()
            self._child = self._connection = None

    def close(self) -> None:
        """End the child and the thread that talked with it."""
        self.kill()
        self._thread.shutdown()

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        with theirs:
            arguments = [json.dumps(sys.path), str(theirs.fileno()), str(os.getpid())]
            self._child = subprocess.Popen(  # noqa: S603 - this program itself
                [sys.executable, "-c", _START, *arguments], stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]
            )

    def _exchange(self, message: bytes) -> Any:  # noqa: ANN401 - what the call gives
        child, connection = self._child, self._connection
        if child is None or connection is None:
            raise ChildDied("it was not there")
        try:
            connection.send_bytes(message)
            answer = connection.recv_bytes()
            if answer == b"began":
                self.began_s = time.monotonic()
                answer = connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise ChildDied(_how(child)) from error
        result, seconds, failure = pickle.loads(answer)  # noqa: S301 - our own child's bytes
        if failure is not None:
            raise failure
        return result, seconds


def _how(child: "subprocess.Popen[bytes]") -> str:
    code = child.wait()
    if code == OUT_OF_MEMORY:
        return "it ran out of memory"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with code {code}"
