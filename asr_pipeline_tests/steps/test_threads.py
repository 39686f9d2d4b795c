"""Threads that can be given up."""

import subprocess
import sys
import threading
from concurrent.futures import CancelledError, Future

import pytest

from asr_pipeline.steps.threads import DaemonThreads

HANGS = """
import threading
from asr_pipeline.steps.threads import DaemonThreads
threads = DaemonThreads(1, "test", grace_s=0.1)
hangs = threads.submit(threading.Event().wait)
while not hangs.running():
    pass
hangs.cancel()
print(threads.submit(lambda: "another").result(60))
threads.shutdown()
"""


def alive(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def running(call: "Future[bool]") -> "Future[bool]":
    while not call.running():
        pass
    return call


def test_calls_give_results_and_errors() -> None:
    threads = DaemonThreads(2, "results")
    calls = [threads.submit(pow, number, 2) for number in range(50)]
    assert [call.result(60) for call in calls] == [number**2 for number in range(50)]
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(60)
    assert len(alive("results")) <= 2
    threads.shutdown()
    assert alive("results") == []
    with pytest.raises(RuntimeError, match="shut down"):
        threads.submit(pow, 1, 1)


def test_a_call_that_is_given_up_keeps_no_place_and_its_thread_ends_after_it() -> None:
    threads, go_on = DaemonThreads(1, "given up", grace_s=0.1), threading.Event()
    hangs = running(threads.submit(go_on.wait))
    assert not hangs.cancel()
    assert threads.submit(pow, 2, 3).result(60) == 8
    threads.shutdown()
    (hung,) = alive("given up")
    go_on.set()
    hung.join(60)
    assert not hung.is_alive()
    assert hangs.result() is True


def test_shutdown_waits_a_little_for_what_was_given_up() -> None:
    threads, go_on = DaemonThreads(1, "grace", grace_s=60), threading.Event()
    running(threads.submit(go_on.wait, 0.2)).cancel()
    threads.shutdown()
    assert alive("grace") == []


def test_a_call_that_waits_is_cancelled() -> None:
    threads, go_on = DaemonThreads(1, "waits"), threading.Event()
    running(threads.submit(go_on.wait))
    waits = threads.submit(pow, 2, 3)
    assert waits.cancel()
    also_waits = threads.submit(pow, 2, 3)
    go_on.set()
    threads.shutdown(cancel_futures=True)
    for call in (waits, also_waits):
        try:
            assert call.result(60) == 8
            assert call is also_waits  # a thread was free before the end
        except CancelledError:
            pass
    assert alive("waits") == []


@pytest.mark.fault
def test_neither_shutdown_nor_the_end_of_the_process_waits_for_a_hung_call() -> None:
    finished = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, text=True, timeout=300, check=True)
    assert finished.stdout == "another\n"
