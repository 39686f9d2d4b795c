"""Files and uploads become recordings: their bytes are stored, and they are registered."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.errors import PermanentFailure, PipelineError, SetupError
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage.originals import store_original
from asr_pipeline.storage.receiving import Incoming, store_received
from asr_pipeline.wiring.storage import Storage

STORED_AT_ONCE = 4  # they wait for the disk most of the time
REGISTERED_AT_ONCE = 32


def register_all(
    storage: Storage, files: Iterable[Path], way: Way = Way.PROCESS
) -> Iterator[Recording | PipelineError]:
    """Give, for each file in its turn, the recording that its bytes are, or why it can't be one.

    Several files are stored at a time, and registered in one transaction. Raises SetupError, which no other file would
    fare better with.
    """

    def stored(file: Path) -> tuple[Recording, Arrival] | PipelineError:
        return _stored(storage, file, way)

    with ThreadPoolExecutor(STORED_AT_ONCE, "registering") as pool:
        waiting = iter(files)
        while batch := list(islice(waiting, REGISTERED_AT_ONCE)):
            yield from _registered(storage, list(pool.map(stored, batch)))


def register_received(storage: Storage, incoming: Incoming, name: str) -> Recording:
    """Store an upload that came whole, and register it; bytes that are known give the recording they are.

    Raises StorageFull, StoreUnavailable.
    """
    recording = store_received(incoming, storage.layout, name=name, known=storage.store.find_by_sha256)
    arrival = Arrival(
        path=f"{Way.UPLOAD}/{name}",
        size_bytes=incoming.size_bytes,
        mtime_ns=time.time_ns(),
        way=Way.UPLOAD,
        outcome=Outcome.ACCEPTED,
        recording_id=recording.recording_id,
    )
    storage.store.register([recording], [arrival])
    return _first_of(storage, recording)


def _stored(storage: Storage, file: Path, way: Way) -> tuple[Recording, Arrival] | PipelineError:
    max_bytes, known = storage.settings.max_size_bytes, storage.store.find_by_sha256
    try:
        recording = store_original(file, storage.layout, max_bytes=max_bytes, known=known)
        there = file.stat()
    except SetupError:
        raise
    except PipelineError as error:
        return error
    look = str(file.absolute()), there.st_size, there.st_mtime_ns
    return recording, Arrival(*look, way, Outcome.ACCEPTED, recording.recording_id)


def _registered(
    storage: Storage, stored: Sequence[tuple[Recording, Arrival] | PipelineError]
) -> Iterator[Recording | PipelineError]:
    good = [one for one in stored if not isinstance(one, PipelineError)]
    try:
        storage.store.register([recording for recording, _ in good], [arrival for _, arrival in good])
    except PermanentFailure as error:  # two files whose ids meet, of a number that no archive has
        if len(stored) == 1:
            yield error
            return
        for one in stored:
            yield from _registered(storage, [one])
        return
    for one in stored:
        yield one if isinstance(one, PipelineError) else _first_of(storage, one[0])


def _first_of(storage: Storage, recording: Recording) -> Recording:
    """Give the recording that its bytes are registered as: another file, or process, may have been first."""
    return storage.store.find_by_sha256(recording.sha256) or recording
