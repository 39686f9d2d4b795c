"""What waits, what unfinished runs cover, and how a run is asked for: on a real instance and database."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs import backlog
from asr_pipeline.defs.backlog import run_request, unfinished, waiting
from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, add_partitions
from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.recording import Recording
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import Storage, open_storage

pytestmark = pytest.mark.e2e
KEYS = [f"r{number}-{number:012x}" for number in range(6)]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:  # real storages, in memory
        yield instance


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    with open_storage(load_settings(data_dir=tmp_path / "data")) as storage:
        yield storage


def start(instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.DagsterRun:
    """Make a run of a request, which does not begin."""
    return instance.create_run_for_job(
        build_defs().resolve_job_def("process_recordings"), run_config=request.run_config, tags=request.tags
    )


def register(storage: Storage, key: str, way: Way, *, size_bytes: int = 1) -> None:
    recording = Recording(key, f"{key:0<64}", size_bytes, f"{key}.wav", f"originals/{key}")
    storage.store.register([recording], [Arrival(f"/{key}", size_bytes, 1, way, Outcome.ACCEPTED, key)])


def test_neighbours_are_a_range_and_others_keys(instance: dg.DagsterInstance) -> None:
    add_partitions(instance, KEYS[:3])
    ranged = run_request(instance, KEYS[1:5], tags={"a": "b"})  # some are new
    assert (ranged.tags[RANGE_START_TAG], ranged.tags[RANGE_END_TAG], ranged.tags["a"]) == (KEYS[1], KEYS[4], "b")
    assert ranged.run_config == {"ops": {"recording_stages": {"config": {"keys": [], "only_missing": True}}}}
    scattered = run_request(instance, [KEYS[5], KEYS[0], KEYS[2]], job_name="process_recordings")
    assert RANGE_START_TAG not in scattered.tags
    config = {"keys": [KEYS[0], KEYS[2], KEYS[5]], "only_missing": True}
    assert scattered.run_config == {"ops": {"recording_stages": {"config": config}}}
    assert scattered.job_name == "process_recordings"
    assert list(instance.get_dynamic_partitions("recordings")) == KEYS


def test_the_run_key_is_the_same_until_such_a_run_was_made(instance: dg.DagsterInstance) -> None:
    first = run_request(instance, KEYS[:2])
    assert run_request(instance, KEYS[1::-1]).run_key == first.run_key
    assert run_request(instance, KEYS[:3]).run_key != first.run_key
    assert run_request(instance, KEYS[:2], run_key="mine").run_key == "mine"
    start(instance, first)
    assert run_request(instance, KEYS[:2]).run_key != first.run_key


def test_unfinished_runs_cover_ranges_keys_and_single_partitions(instance: dg.DagsterInstance) -> None:
    add_partitions(instance, KEYS)
    assert unfinished(instance) == frozenset()
    runs = [
        start(instance, run_request(instance, KEYS[0:2])),
        start(instance, run_request(instance, [KEYS[3], *KEYS[5:]])),
        start(instance, dg.RunRequest(tags={"dagster/partition": KEYS[4]})),
        start(instance, run_request(instance, ["deleted", "soon"])),
        start(instance, dg.RunRequest()),
    ]
    instance.delete_dynamic_partition("recordings", "deleted")
    assert unfinished(instance) == set(KEYS) - {KEYS[2]}
    for run in runs:
        instance.report_run_canceled(run)
    assert unfinished(instance) == frozenset()


def test_a_run_that_was_never_launched_covers_nothing_for_long(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(instance, run_request(instance, KEYS[:2]))
    assert unfinished(instance) == set(KEYS[:2])
    present_s = time.time()
    for later_s in (1000, -1000):  # the second as after the clock was set back
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda then_s=present_s + later_s: then_s)
            assert unfinished(instance) == frozenset()


@pytest.mark.parametrize(
    "configured", [None, {}, {"ops": None}, {"ops": {"recording_stages": {"config": {"keys": "abc"}}}}, {"ops": []}]
)
def test_a_configuration_of_something_else_names_no_keys(configured: object) -> None:
    assert backlog._configured_keys(configured, "recording_stages") == []


def test_what_waits_is_in_progress_uncovered_and_small_ones_first(
    storage: Storage, instance: dg.DagsterInstance
) -> None:
    register(storage, KEYS[0], Way.INBOX, size_bytes=500_000_000)
    register(storage, KEYS[1], Way.INBOX, size_bytes=1_000)
    register(storage, KEYS[2], Way.IMPORT)
    register(storage, KEYS[3], Way.INBOX, size_bytes=1_000_000)
    start(instance, run_request(instance, [KEYS[3]]))
    assert waiting(storage.store, instance, 10) == [KEYS[1], KEYS[2], KEYS[0]]
    assert waiting(storage.store, instance, 10, [Way.INBOX]) == [KEYS[1], KEYS[0]]
    assert waiting(storage.store, instance, 1) == [KEYS[1]]
    assert waiting(storage.store, instance, 10, [Way.UPLOAD]) == []
