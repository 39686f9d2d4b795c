"""Uploads and notes that nobody runs: what a gateway that died had taken, and what was left to a daemon that is gone.

Where there is a daemon, its sensors ask for them.
"""

import datetime as dt
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import waiting
from asr_pipeline.defs.daemon import daemon_is_alive
from asr_pipeline.defs.notes import NOTES_PER_RUN, release_dead
from asr_pipeline.domain.arrival import Way
from asr_pipeline.lane import Lane
from asr_pipeline.wiring.pipeline import Pipeline

logger = logging.getLogger(__name__)
LOOK_EVERY_S = 30.0
JUST_ASKED = dt.timedelta(seconds=10)  # the request that asked for it is about to give it to the lane


@contextmanager
def resuming(pipeline: Pipeline, instance: dg.DagsterInstance, lane: Lane) -> Iterator[None]:
    """Give them to the lane: now, and whenever some are found while the block runs."""
    resume(pipeline, instance, lane)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            try:
                resume(pipeline, instance, lane)
            except Exception:  # the next look may go well
                logger.exception("Could not look for uploads and notes that wait")

    thread = threading.Thread(target=look, name="resuming", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def resume(pipeline: Pipeline, instance: dg.DagsterInstance, lane: Lane) -> None:
    """Give what no run covers to the lane, if it has nothing else to do and no daemon would."""
    if lane.length or daemon_is_alive(instance):
        return
    for recording_id in waiting(pipeline.store, instance, RECORDINGS_PER_RUN, [Way.UPLOAD]):
        lane.submit(recording_id)
    release_dead(instance, pipeline)
    for note_id in pipeline.note_work.waiting(dt.datetime.now(dt.UTC) - JUST_ASKED, NOTES_PER_RUN):
        lane.submit_note(note_id)
