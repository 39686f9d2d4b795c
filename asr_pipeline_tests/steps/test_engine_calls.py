"""Calls of engines: time limits, and isolation of what hangs or kills its process."""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from asr_pipeline.domain.errors import EngineCrashed, EngineFailed, EngineStuck, UnreadableAudio
from asr_pipeline.ports import Claim
from asr_pipeline.steps.engine_calls import EngineCall, EngineCalls, TimeLimits
from asr_pipeline.steps.threads import DaemonThreads
from asr_pipeline_tests.fakes import FakeClaim, FakeClaims, recording
from asr_pipeline_tests.steps import poison

pytestmark = pytest.mark.fault
T = TypeVar("T")


@dataclass
class House:
    """Calls with their surroundings."""

    least_s: float = 1
    claims: FakeClaims = field(default_factory=FakeClaims)
    threads: DaemonThreads = field(default_factory=lambda: DaemonThreads(1, "engine calls", grace_s=0.1))

    def run(self, use: Callable[[EngineCalls], Coroutine[Any, Any, T]]) -> T:
        async def used() -> T:
            calls = EngineCalls(self.threads, TimeLimits(10, self.least_s), attempts=3)
            try:
                return await use(calls)
            finally:
                calls.close()

        return asyncio.run(used())

    def call(self, name: str = "transcripts-0") -> EngineCall:
        claim: Claim | None = self.claims.claim(recording("r0"))
        assert isinstance(claim, FakeClaim)
        return EngineCall(name, "r0.wav", 0.0, claim)


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    before, threads = psutil.Process().children(), threading.enumerate()
    yield house
    house.threads.shutdown()
    assert psutil.Process().children() == before
    assert [one for one in threading.enumerate() if one.name == "isolation" and one not in threads] == []


@pytest.fixture
def suspect(house: House) -> EngineCall:
    house.least_s = 60
    house.claims.suspects.add(("r0", "transcripts-0"))
    return house.call()


def test_a_call_runs_in_this_process_with_its_mark(house: House) -> None:
    call = house.call()
    assert isinstance(call.claim, FakeClaim)
    marks = call.claim.marks
    (process, marks_meanwhile), seconds = house.run(lambda calls: calls.run(call, lambda: (os.getpid(), set(marks))))
    assert process == os.getpid()
    assert seconds >= 0
    assert (marks_meanwhile, marks) == ({"transcripts-0"}, set())


def test_an_error_in_a_thread_is_the_engines_own(house: House) -> None:
    call = house.call()
    with pytest.raises(UnreadableAudio, match="expected audio, found text"):
        house.run(lambda calls: calls.run(call, poison.fail))


def test_an_error_in_isolation_is_the_engines_own(house: House, suspect: EngineCall) -> None:
    with pytest.raises(UnreadableAudio, match="expected audio, found text"):
        house.run(lambda calls: calls.run(suspect, poison.fail))
    assert house.claims.deaths == []


def test_a_suspect_is_worked_on_in_another_process(house: House, suspect: EngineCall) -> None:
    async def twice(calls: EngineCalls) -> list[int]:
        return [(await calls.run(suspect, poison.pid))[0] for _ in range(2)]

    first, second = house.run(twice)
    assert first != os.getpid()
    assert first == second  # its models stay loaded


def test_an_error_that_can_not_be_sent_is_told(house: House, suspect: EngineCall) -> None:
    with pytest.raises(EngineFailed, match="odd error"):
        house.run(lambda calls: calls.run(suspect, poison.fail_unreadably))


@pytest.mark.parametrize(
    ("harm", "how"),
    [
        (poison.be_killed, "SIGKILL"),
        (poison.abort, "SIGABRT"),
        (poison.run_out_of_memory, "out of memory"),
    ],
)
def test_what_kills_its_process_fails_alone(
    house: House, suspect: EngineCall, harm: Callable[[], object], how: str
) -> None:
    async def two(calls: EngineCalls) -> int:
        with pytest.raises(EngineCrashed, match=f"r0.wav.*3 times.*{how}"):
            await calls.run(suspect, harm)
        return (await calls.run(suspect, poison.pid))[0]

    assert house.run(two) != os.getpid()
    assert house.claims.deaths == ["r0"] * 3
    assert house.claims.condemned == [("r0", "transcripts-0")]


def test_what_kills_its_process_once_is_tried_again(house: House, suspect: EngineCall, tmp_path: Path) -> None:
    assert house.run(lambda calls: calls.run(suspect, poison.be_killed_until, tmp_path / "died"))[0] == "well"
    assert house.claims.deaths == ["r0"]
    assert house.claims.condemned == []


def test_no_memory_in_a_thread_is_no_end(house: House) -> None:
    main = os.getpid()
    house.least_s = 60
    result, _ = house.run(lambda calls: calls.run(house.call(), _no_memory_in, main))
    assert result != main


def test_what_a_call_without_memory_has_taken_is_given_back(house: House) -> None:
    taken: list[weakref.ref[_Taken]] = []

    def take() -> None:
        held = _Taken()
        taken.append(weakref.ref(held))
        raise MemoryError

    async def look(calls: EngineCalls) -> object:
        with pytest.raises(EngineStuck, match="no memory") as caught:
            await calls.run_together("translation into fa", 0.0, take)
        assert caught.value.__cause__ is not None  # the error itself is known still
        return taken[0]()

    assert house.run(look) is None


class _Taken:
    """Something that a call holds."""


def _no_memory_in(process: int) -> int:
    if os.getpid() == process:
        raise MemoryError
    return os.getpid()


def test_what_hangs_is_given_up_tried_in_isolation_and_killed(house: House) -> None:
    async def hang_then_work(calls: EngineCalls) -> object:
        with pytest.raises(EngineStuck, match=r"r0.wav: expected a result within"):
            await calls.run(call, poison.hang)
        return (await calls.run(call, poison.pid))[0]

    call = house.call()
    assert house.run(hang_then_work) == os.getpid()  # another thread has taken the hung one's place
    assert house.claims.deaths == ["r0"]
    assert house.claims.condemned == [("r0", "transcripts-0")]


def test_the_time_in_which_a_call_waits_for_a_thread_does_not_count(house: House) -> None:
    house.least_s = 2

    async def more_than_threads(calls: EngineCalls) -> int:
        call = house.call()
        naps = [calls.run(call, threading.Event().wait, 0.3) for _ in range(10)]
        return len(await asyncio.gather(*naps))

    assert house.run(more_than_threads) == 10
    assert house.claims.deaths == []


def test_a_batch_that_hangs_says_so_to_all(house: House) -> None:
    with pytest.raises(EngineStuck):
        house.run(lambda calls: calls.run_together("translation into fa", 0.0, poison.hang))


def test_limits_are_in_proportion_to_the_length() -> None:
    limits = TimeLimits(max_real_time_factor=10, least_s=60)
    assert (limits.of(0), limits.of(6), limits.of(3600)) == (60, 60, 36_000)
