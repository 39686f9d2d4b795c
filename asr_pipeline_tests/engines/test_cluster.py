"""Calls on a cluster's workers: their order, their ends, and how many workers there are for them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import EngineFailed, UnreadableAudio
from asr_pipeline.engines.cluster import places
from asr_pipeline.engines.cluster.calls import Calls
from asr_pipeline.engines.cluster.places import Local, Place, Remote
from asr_pipeline.engines.cluster.preload import Preload
from asr_pipeline.engines.cluster.scaling import Scaling
from asr_pipeline.engines.cluster.setup import set_defaults
from asr_pipeline_tests.e2e.clusters import nodes, wait_until
from asr_pipeline_tests.ports import free_port
from asr_pipeline_tests.steps import poison

pytestmark = [pytest.mark.e2e, pytest.mark.fault]
NEVER_S = 10_000.0


def scaling(
    *, most: int = 2, backlog_s: float = NEVER_S, backlog_calls: int = 10_000, cpu_percent_max: float = 101
) -> Scaling:
    return Scaling(1, most, backlog_s, backlog_calls, cpu_percent_max, shrink_s=1)


@contextmanager
def calls(place: Place, *, wait_s: float = 60, prepare: Callable[[], None] = poison.nothing) -> Iterator[Calls]:
    set_defaults(wait_s=wait_s, task_s=1)
    made = Calls(place, lambda: Preload("test", prepare), wait_s=wait_s)
    try:
        yield made
    finally:
        made.close()


def take_note(file: Path, text: str) -> None:
    """Write what was called, in the order in which it was."""
    with file.open("a") as notes:
        notes.write(text + "\n")


def begin_and_wait_for(file: Path, begun: Path) -> None:
    begun.touch()
    while not file.exists():
        time.sleep(0.02)


def doze(file: Path) -> None:
    """Take a while, until nobody wants more workers any more."""
    time.sleep(0 if file.exists() else 0.2)


def test_one_worker_makes_calls_by_priority_raises_what_they_raise_and_leaves_out_what_was_taken_back(
    tmp_path: Path,
) -> None:
    notes, gate = tmp_path / "notes", tmp_path / "gate"
    place = Local(scaling(most=1), {})

    def known() -> int:
        assert place._cluster is not None
        assert place._cluster.scheduler is not None
        return len(place._cluster.scheduler.tasks)

    with calls(place, prepare=partial(take_note, notes, "prepared")) as cluster:
        assert cluster.threads == 0
        cluster.connect()
        assert cluster.threads == 1
        for number in range(4):
            cluster.submit(begin_and_wait_for, gate, tmp_path / f"begun {number}")
        wait_until((tmp_path / "begun 0").exists, "a call")
        later = [cluster.submit(take_note, notes, name, priority=of) for name, of in (("low", -9), ("high", -1))]
        dropped = cluster.submit(take_note, notes, "dropped", priority=5)
        wait_until(lambda: known() == 7, "calls that wait")
        assert dropped.cancel()
        failing = cluster.submit(poison.fail)
        wait_until(lambda: known() == 7, "one less, and another")
        gate.touch()
        for one in later:
            one.result(60)
        with pytest.raises(UnreadableAudio, match=r"a\.wav: expected audio"):
            failing.result(60)
    assert notes.read_text().split() == ["prepared", "high", "low"]


@pytest.mark.parametrize(
    "bounds",
    [scaling(backlog_s=0.5), scaling(backlog_calls=2)],
    ids=["by the seconds that calls take", "by the length of the queue"],
)
def test_workers_come_with_the_backlog_and_go_after_it(bounds: Scaling, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    counts = []

    def count(wanted: int) -> bool:
        counts.append(cluster.threads)
        return counts[-1] == wanted

    with calls(Local(bounds, {})) as cluster:
        cluster.connect()
        counts.append(cluster.threads)
        asked = [cluster.submit(doze, enough) for _ in range(60)]
        wait_until(lambda: count(2), "a second worker")
        enough.touch()
        for one in asked:
            one.result(120)
        wait_until(lambda: count(1), "one worker again")
    assert [number for number, _ in groupby(counts)] == [1, 2, 1]


def test_no_worker_comes_where_the_processors_are_busy(tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    with calls(Local(scaling(backlog_s=0.5, cpu_percent_max=-1), {})) as cluster:
        asked = [cluster.submit(doze, enough) for _ in range(15)]
        for one in asked:
            one.result(120)
            assert cluster.threads <= 1


def test_a_scheduler_that_does_not_answer_is_waited_for_and_not_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "TRY_S", 0.2)
    with calls(Remote(f"127.0.0.1:{free_port()}"), wait_s=0.1) as cluster:
        asked = [cluster.submit(poison.pid) for _ in range(20)]
        for one in asked:
            with pytest.raises(EngineFailed, match="asr-pipeline scheduler"):
                one.result(60)


def test_workers_that_do_not_come_are_waited_for_and_not_longer(tmp_path: Path) -> None:
    with (
        nodes(tmp_path, ASR_PIPELINE_CLUSTER_WAIT_S="1") as started,
        calls(Remote(f"127.0.0.1:{started.port}")) as cluster,
        pytest.raises(EngineFailed, match="no worker"),
    ):
        cluster.submit(poison.pid).result(60)


def test_what_stops_a_worker_from_preparing_is_told() -> None:
    with calls(Local(scaling(), {}), prepare=poison.fail) as cluster, pytest.raises(UnreadableAudio):
        cluster.connect()
