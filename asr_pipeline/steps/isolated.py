"""The child process in which suspects are worked on: takes calls from its parent, one at a time, and answers.

It is started as a program of its own, not forked: engines are not safe after a fork, and it must hold none of its
parent's locks. It ends with its parent, whatever ends that.
"""

import ctypes
import os
import pickle
import signal
import sys
import time
from multiprocessing.connection import Connection

from asr_pipeline.domain.errors import EngineFailed

PR_SET_PDEATHSIG = 1  # linux/prctl.h
OUT_OF_MEMORY = 77  # exit code


def main(handle: int, parent: int) -> None:
    """Serve calls that come through a handle until it is closed."""
    _end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    connection: Connection[object, object] = Connection(handle)
    while True:
        try:
            message = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(_answer(message, connection))


def _answer(message: bytes, connection: "Connection[object, object]") -> bytes:
    """Make a call; give (result, seconds, None), or (None, 0, error)."""
    try:
        work, arguments = pickle.loads(message)  # noqa: S301 - our own parent's bytes
        connection.send_bytes(b"began")
        started = time.perf_counter()
        return pickle.dumps((work(*arguments), time.perf_counter() - started, None))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception as error:  # noqa: BLE001 - handed to the parent
        return _as_bytes(error)


def _as_bytes(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((None, 0.0, error))
        pickle.loads(answer)  # noqa: S301 - some errors can be written, but not read
    except Exception:  # noqa: BLE001 - whatever an error's own methods raise
        told = EngineFailed(
            "an engine", expected="a result", found=repr(error), remedy="Report this, with the run's log."
        )
        return pickle.dumps((None, 0.0, told))
    return answer


def _end_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be asked for
        sys.exit()
