"""Uploads that nobody runs: what a gateway that died had taken, and what was left to a daemon that is gone.

Where there is a daemon, the inbox's sensor asks for them.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import waiting
from asr_pipeline.defs.daemon import daemon_is_alive
from asr_pipeline.domain.arrival import Way
from asr_pipeline.lane import Lane
from asr_pipeline.storage.records import SqlRecordStore

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 30.0


@contextmanager
def resuming(store: SqlRecordStore, instance: dg.DagsterInstance, lane: Lane) -> Iterator[None]:
    """Give such uploads to the lane: now, and whenever some are found while the block runs."""
    resume(store, instance, lane)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            try:
                resume(store, instance, lane)
            except Exception:  # the next look may go well
                logger.exception("Could not look for uploads that wait")

    thread = threading.Thread(target=look, name="resuming", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def resume(store: SqlRecordStore, instance: dg.DagsterInstance, lane: Lane) -> None:
    """Give uploads that no run covers to the lane, if it has nothing else to do and no daemon would."""
    if lane.length or daemon_is_alive(instance):
        return
    for recording_id in waiting(store, instance, RECORDINGS_PER_RUN, [Way.UPLOAD]):
        lane.submit(recording_id)
