"""Writes what a step has to tell of its results into Dagster's event log: many at once, in a thread of its own.

Dagster's `context.log_event` writes each event by itself, in the thread that logs it; of a short recording that is half
of what we add to its engines (docs/adr/0014-told-together.md). Here an event is in the log within `LATEST_S`, and the
flow goes on meanwhile. SQL has what is told: a process that is killed in between has told too little, never too much,
and a retry, or `asr-pipeline verify --repair`, makes that good.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import dagster as dg

from asr_pipeline.defs.instance import dagster_errors
from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.steps.patience import LONGEST_WAIT_S, STORE_WAIT_S

logger = logging.getLogger(__name__)

LATEST_S = 0.5  # what was told is written after this, or sooner
MOST_WAITING = 500  # stages; who tells more waits until some are written
MOST_AT_ONCE = 1000  # events
FIRST_WAIT_S = 0.1


class EventWriter:
    """Writes materializations and evaluations of the step that `context` is of. Close it: that waits for the rest.

    Where Dagster's database is away, what was told waits for it; `log` and `close` raise StoreUnavailable or
    StorageFull once too much waits, or for too long.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._instance = context.instance
        self._step = _Step.of(context)
        self._waiting: queue.Queue[list[dg.EventLogEntry] | None] = queue.Queue(MOST_WAITING)
        self._failure: TransientFailure | None = None
        self._broken: BaseException | None = None
        self._given_up = False
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Give the writer."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        self.close()

    def log(self, told: Iterable[dg.AssetMaterialization | dg.AssetCheckEvaluation]) -> None:
        """Have events written, in their order, as a whole or not at all."""
        if self._broken is not None:
            raise self._broken
        self._put(self._step.entries(told), until_s=0.0)

    def close(self) -> None:
        """Wait until all is written; what can't be is given up then."""
        until_s = time.monotonic() + STORE_WAIT_S
        try:
            self._put(None, until_s)
            while self._thread.is_alive():
                self._thread.join(LONGEST_WAIT_S)
                if self._failure is not None and time.monotonic() > until_s:
                    raise self._failure
        finally:
            self._given_up = True
        if self._broken is not None:
            raise self._broken

    def _put(self, entries: list[dg.EventLogEntry] | None, until_s: float) -> None:
        """Put into the queue; wait while it is full, but where nothing can be written not beyond `until_s`."""
        while True:
            try:
                self._waiting.put(entries, timeout=LONGEST_WAIT_S)
            except queue.Full:
                if self._failure is not None and time.monotonic() > until_s:
                    raise self._failure from None
            else:
                return

    def _work(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                self._write(batch)
        except BaseException as error:  # noqa: BLE001 - told to whoever logs next, or closes
            self._broken = error
            while not self._given_up and self._waiting.get() is not None:
                pass  # nobody is to wait for a thread that has ended

    def _next_batch(self) -> list[dg.EventLogEntry] | None:
        """Wait for events, and a moment longer for those that follow them; None at the end."""
        entries = self._waiting.get()
        if entries is None:
            return None
        batch, until_s = list(entries), time.monotonic() + LATEST_S
        while (left_s := until_s - time.monotonic()) > 0 and len(batch) < MOST_AT_ONCE:
            try:
                more = self._waiting.get(timeout=left_s)
            except queue.Empty:
                break
            if more is None:
                self._waiting.put(None)  # for the next look; nothing comes after it, so there is room
                break
            batch += more
        return batch

    def _write(self, batch: Sequence[dg.EventLogEntry]) -> None:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                with dagster_errors(self._instance):
                    store(self._instance, batch)
            except TransientFailure as failure:
                logger.warning("Dagster can't be told of %d events, which wait: %s", len(batch), failure)
                self._failure = failure
                if self._given_up:
                    raise
                time.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                self._failure = None
                return


def store(instance: dg.DagsterInstance, batch: Sequence[dg.EventLogEntry]) -> None:
    """Write events in one transaction where the storage can (`EmbeddedStorage`), else as many at once as it can."""
    log = instance.event_log_storage
    if getattr(log, "stores_mixed_batches", False):
        log.store_event_batch(batch)
        return
    for entry in batch:
        log.store_event(entry)


@dataclass(frozen=True)
class _Step:
    """What Dagster's own events say of the step that logs them."""

    run_id: str
    job_name: str
    step: Any
    event_tags: dict[str, str]

    @classmethod
    def of(cls, context: dg.AssetExecutionContext) -> Self:
        step = context.op_execution_context.get_step_execution_context()
        return cls(step.run_id, step.job_name, step.step, dict(step.event_tags))

    def entries(self, told: Iterable[dg.AssetMaterialization | dg.AssetCheckEvaluation]) -> list[dg.EventLogEntry]:
        """Have Dagster make its events, and catch them on their way to its log."""
        caught = _Caught(self)
        for one in told:
            if isinstance(one, dg.AssetMaterialization):
                dg.DagsterEvent.asset_materialization(caught, one)  # type: ignore[arg-type]
            else:
                dg.DagsterEvent.asset_check_evaluation(caught, one)  # type: ignore[arg-type]
        return caught.entries


class _Caught:
    """Stands for a step's context and its log where Dagster makes an event and logs it."""

    def __init__(self, step: _Step) -> None:
        self.job_name, self.step, self.event_tags = step.job_name, step.step, step.event_tags
        self._run_id = step.run_id
        self.entries: list[dg.EventLogEntry] = []

    @property
    def log(self) -> Self:
        return self

    def log_dagster_event(self, level: int, msg: str, dagster_event: dg.DagsterEvent, **_: object) -> None:
        entry = dg.EventLogEntry(  # type: ignore[no-untyped-call]
            error_info=None,
            level=level,
            user_message=msg,
            run_id=self._run_id,
            timestamp=time.time(),
            step_key=self.step.key,
            job_name=self.job_name,
            dagster_event=dagster_event,
        )
        self.entries.append(entry)
