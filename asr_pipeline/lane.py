"""The interactive lane: recordings and notes are worked on at once, in this process, whose models are warm.

For what waits for an answer: `asr-pipeline watch` and the HTTP gateway. A run of the lane is a run like any other: the
same job, the same instance, shown in the same UI. What another run has in work is left to it, and what is done stays.
"""

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import dagster as dg

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.assets import RECORDINGS_PER_RUN
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import run_in_process
from asr_pipeline.defs.jobs import process_recordings
from asr_pipeline.defs.notes import NOTES_PER_RUN, run_notes_in_process, translate_notes_job
from asr_pipeline.defs.resources import NoProgress
from asr_pipeline.defs.retirement import give_partitions
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.ports import FlowListener
from asr_pipeline.wiring.pipeline import Pipeline

logger = logging.getLogger(__name__)
REQUESTS_TAG = "asr_pipeline/requests"  # of a run: the ids of the requests that it does


class Lane:
    """Runs recordings and notes over an open pipeline, by turns: Dagster does not stand two runs at once in a process.

    Close it before the pipeline. What fails is in the store, with its reason.
    """

    def __init__(self, pipeline: Pipeline, instance: dg.DagsterInstance, progress: FlowListener | None = None) -> None:
        self._pipeline = pipeline
        self._instance = instance
        definitions = build_defs(pipeline=pipeline, progress=progress or NoProgress())
        self._job = definitions.resolve_job_def(process_recordings.name)
        self._note_job = definitions.resolve_job_def(translate_notes_job.name)
        self._one_run = threading.Lock()
        self._recordings = _Queue("recordings", self._due, self.run, RECORDINGS_PER_RUN)
        self._notes = _Queue("notes", pipeline.note_work.pending, self._run_notes, NOTES_PER_RUN)

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
        self._recordings.put(recording_id, request_id)

    def submit_note(self, note_id: str, request_id: str = "") -> None:
        """Have translated what is pending of a note, as `submit` does."""
        self._notes.put(note_id, request_id)

    @property
    def length(self) -> int:
        """How many recordings wait, about."""
        return self._recordings.length

    def run(self, recording_ids: Sequence[str], tags: Mapping[str, str] | None = None) -> None:
        """Run registered recordings now, in this thread. Raises SetupError and what else stops a whole run."""
        with self._one_run:
            give_partitions(self._instance, self._pipeline.database, recording_ids)
            run_in_process(self._job, self._instance, recording_ids, only_missing=True, tags=tags)

    def _run_notes(self, note_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        with self._one_run:
            run_notes_in_process(self._note_job, self._instance, note_ids, tags)

    def close(self) -> None:
        """End after the runs that are at work; what still waits is in the store, and the sensors run it."""
        for one in (self._recordings, self._notes):
            one.stop()
        for one in (self._recordings, self._notes):
            one.join()

    def _due(self, recording_ids: Sequence[str]) -> list[str]:
        """Leave out what is done, was dropped, or is another run's by now: the lane would wait for that one's end."""
        busy = unfinished(self._instance)
        rows = self._pipeline.store.rows(recording_ids)
        return [
            row.recording.recording_id
            for row in rows
            if row.state not in {RecordingState.DONE, RecordingState.DROPPED} and row.recording.recording_id not in busy
        ]


class _Queue:
    """Runs what is put into it in a thread, one run at a time; what comes meanwhile goes into the next run together.

    `due` leaves out what need not be run any more.
    """

    def __init__(
        self,
        what: str,
        due: Callable[[Sequence[str]], list[str]],
        run: Callable[[Sequence[str], Mapping[str, str]], None],
        most_a_run: int,
    ) -> None:
        self._what = what
        self._due = due
        self._run = run
        self._most_a_run = most_a_run
        self._waiting: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"lane of {what}", daemon=True)
        self._thread.start()

    def put(self, key: str, request_id: str) -> None:
        self._waiting.put((key, request_id))

    @property
    def length(self) -> int:
        return self._waiting.qsize()

    def stop(self) -> None:
        self._closing.set()
        self._waiting.put(None)

    def join(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None and not self._closing.is_set():
            asked = [first]
            while len(asked) < self._most_a_run and not self._waiting.empty():
                if (one := self._waiting.get()) is None:
                    return
                asked.append(one)
            try:
                if due := self._due(list(dict.fromkeys(key for key, _ in asked))):
                    requests = dict.fromkeys(request for key, request in asked if request and key in due)
                    self._run(due, {REQUESTS_TAG: " ".join(requests)} if requests else {})
            except Exception:  # the lane goes on: what was not run is in the store, and a sensor asks for it
                logger.exception("The lane could not run %d %s", len(asked), self._what)
