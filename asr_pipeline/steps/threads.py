"""An executor of threads that can be given up: a hung one neither takes a place nor holds up the end of the process.

`concurrent.futures.ThreadPoolExecutor` joins its threads when the interpreter ends, and keeps a hung one for good.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class DaemonThreads(Executor):
    """Runs calls in up to `threads` daemon threads.

    Cancelling a call that runs gives its thread up: another takes its place at once, and it ends after its call, if
    ever. As with any executor, such a `cancel` answers False, for the call goes on. `shutdown` waits `grace_s` seconds
    for such threads, not longer: after Ctrl-C they are in the midst of healthy calls, and libraries in C++ don't like
    to see the process end in one.
    """

    def __init__(self, threads: int, name: str, *, grace_s: float = 5) -> None:
        self._threads = threads
        self._name = name
        self._grace_s = grace_s
        self._given_up: set[threading.Thread] = set()
        self._calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._workers: set[threading.Thread] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a call made by the next free thread. Raises RuntimeError after `shutdown`."""
        call = _Call(lambda: fn(*args, **kwargs), self._give_up)
        with self._lock:
            if self._stopped:
                raise RuntimeError(f"{self._name}: expected threads to submit to, found them shut down.")
            self._calls.put(call)
            if len(self._workers) < self._threads:
                self._start_worker()
        return call

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - Executor's
        """Take no more calls. `wait` for those that run, and only a little for those that were given up."""
        with self._lock:
            self._stopped = True
            if cancel_futures:
                self._cancel_waiting()
            workers = list(self._workers)
            for _ in workers:
                self._calls.put(None)
        if wait:
            for worker in workers:
                worker.join()
            deadline_s = time.monotonic() + self._grace_s
            for worker in self._given_up:
                worker.join(max(0.0, deadline_s - time.monotonic()))

    def _cancel_waiting(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except Empty:
                return
            if call is not None:
                call.cancel()

    def _start_worker(self) -> None:
        worker = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._workers.add(worker)
        worker.start()

    def _give_up(self, worker: threading.Thread | None) -> None:
        with self._lock:
            if worker in self._workers:
                self._workers.discard(worker)
                self._given_up = {one for one in self._given_up if one.is_alive()} | {worker}
                if not self._stopped:
                    self._start_worker()

    def _work(self) -> None:
        me = threading.current_thread()
        while me in self._workers:
            call = self._calls.get()
            if call is None:
                return
            call.run(me)
            del call  # a thread that waits holds no result


class _Call(Future[T]):
    """A call, and its future."""

    def __init__(self, function: Callable[[], T], give_up: Callable[[threading.Thread | None], None]) -> None:
        super().__init__()
        self._function: Callable[[], T] | None = function
        self._give_up = give_up
        self._worker: threading.Thread | None = None

    def cancel(self) -> bool:
        """Cancel the call, or give its thread up where it runs already."""
        cancelled = super().cancel()
        if not cancelled and self.running():
            self._give_up(self._worker)
        return cancelled

    def run(self, worker: threading.Thread) -> None:
        """Make the call in this thread."""
        self._worker = worker
        function, self._function = self._function, None
        if function is None or not self.set_running_or_notify_cancel():
            return
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the future
            self.set_exception(error)
        else:
            self.set_result(result)
