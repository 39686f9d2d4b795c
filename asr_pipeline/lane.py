"""The interactive lane: recordings go through all stages at once, in this process, whose models are warm.

For what waits for an answer: `asr-pipeline watch` and the HTTP gateway. A run of the lane is a run like any other: the
same job, the same instance, shown in the same UI. What another run has in work is left to it, and what is done stays.
"""

import logging
import queue
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import dagster as dg

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import run_in_process
from asr_pipeline.defs.jobs import process_recordings
from asr_pipeline.defs.resources import NoProgress
from asr_pipeline.defs.retirement import give_partitions
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.ports import FlowListener
from asr_pipeline.wiring.pipeline import Pipeline

logger = logging.getLogger(__name__)
REQUESTS_TAG = "asr_pipeline/requests"  # of a run: the ids of the requests that it does


class Lane:
    """Runs recordings over an open pipeline, one run at a time; what comes meanwhile goes into the next run together.

    Close it before the pipeline. Recordings that fail are in the store, with their reasons.
    """

    def __init__(self, pipeline: Pipeline, instance: dg.DagsterInstance, progress: FlowListener | None = None) -> None:
        self._pipeline = pipeline
        self._instance = instance
        definitions = build_defs(pipeline=pipeline, progress=progress or NoProgress())
        self._job = definitions.resolve_job_def(process_recordings.name)
        self._waiting: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="lane", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Give the lane."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def submit(self, recording_id: str, request_id: str = "") -> None:
        """Have a registered recording run as soon as the lane is free; returns at once.

        `request_id` names who asked for it: it is in the run's tags.
        """
        self._waiting.put((recording_id, request_id))

    @property
    def length(self) -> int:
        """How many recordings wait, about."""
        return self._waiting.qsize()

    def run(self, recording_ids: Sequence[str], tags: Mapping[str, str] | None = None) -> None:
        """Run registered recordings now, in this thread. Raises SetupError and what else stops a whole run."""
        give_partitions(self._instance, self._pipeline.database, recording_ids)
        run_in_process(self._job, self._instance, recording_ids, only_missing=True, tags=tags)

    def close(self) -> None:
        """End after the run that is at work; what still waits is in the store, and the inbox's sensor runs it."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None and not self._closing.is_set():
            asked = [first]
            while len(asked) < RECORDINGS_PER_RUN and not self._waiting.empty():
                if (one := self._waiting.get()) is None:
                    return
                asked.append(one)
            try:
                if due := self._due(list(dict.fromkeys(recording_id for recording_id, _ in asked))):
                    self.run(due, _tags(request_id for recording_id, request_id in asked if recording_id in due))
            except Exception:  # the lane goes on: what was not run is in the store, and the sensor asks for it
                logger.exception("The lane could not run %d recordings", len(asked))

    def _due(self, recording_ids: Sequence[str]) -> list[str]:
        """Leave out what is done, was dropped, or is another run's by now: the lane would wait for that one's end."""
        busy = unfinished(self._instance)
        rows = self._pipeline.store.rows(recording_ids)
        return [
            row.recording.recording_id
            for row in rows
            if row.state not in {RecordingState.DONE, RecordingState.DROPPED} and row.recording.recording_id not in busy
        ]


def _tags(request_ids: Iterable[str]) -> dict[str, str]:
    """Name the requests that a run was asked for by."""
    named = list(dict.fromkeys(filter(None, request_ids)))
    return {REQUESTS_TAG: " ".join(named)} if named else {}
