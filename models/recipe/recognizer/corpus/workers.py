"""Run jobs in a process a core, and tell how far they are."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TypeVar

Job = TypeVar("Job")
Report = Callable[[int, int], None]
"""Called with jobs done and jobs in all."""


def cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def run_jobs(function: Callable[[Job], None], jobs: Sequence[Job], done_before: int, report: Report) -> None:
    """Run each job once. The first that fails ends the others; a worker that dies is an error, not a wait."""
    every = done_before + len(jobs)
    report(done_before, every)
    if not jobs:
        return
    with ProcessPoolExecutor(min(cores(), len(jobs)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(function, job) for job in jobs]
        try:
            for done, future in enumerate(as_completed(futures), done_before + 1):
                future.result()
                report(done, every)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
