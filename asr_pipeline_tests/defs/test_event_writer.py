"""Events are told in batches: in order, once, when Dagster's database is back; and nobody waits for ever."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest

from asr_pipeline.defs import event_writer
from asr_pipeline.defs.event_writer import EventWriter
from asr_pipeline.domain.errors import StoreUnavailable

AWAY = StoreUnavailable("Dagster's database", expected="an answer", found="none", remedy="Wait.")


class Step:
    def entries(self, told: Sequence[object]) -> list[object]:
        return list(told)


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[list[object]]:
    """Batches that were written."""
    batches: list[list[object]] = []
    monkeypatch.setattr(event_writer._Step, "of", lambda _: Step())
    monkeypatch.setattr(event_writer, "store", lambda _, batch: batches.append(list(batch)))
    return batches


@pytest.fixture
def context() -> dg.AssetExecutionContext:
    return cast("dg.AssetExecutionContext", SimpleNamespace(instance=SimpleNamespace(root_directory="/nowhere")))


def failing(times: int, error: Exception, then: Callable[..., object]) -> Callable[..., object]:
    left = times

    def store(*given: Any) -> object:  # noqa: ANN401 - stands for event_writer's
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return then(*given)

    return store


def told(*names: str) -> list[Any]:
    return list(names)


def test_what_is_told_is_written_in_order_and_few_times(
    stored: list[list[object]], context: dg.AssetExecutionContext
) -> None:
    with EventWriter(context) as writer:
        for number in range(100):
            writer.log(told(f"{number} done", f"{number} checked"))
    assert [one for batch in stored for one in batch] == [
        name for number in range(100) for name in (f"{number} done", f"{number} checked")
    ]
    assert len(stored) <= 10


@pytest.mark.fault
def test_a_database_that_is_away_is_waited_for(
    stored: list[list[object]], context: dg.AssetExecutionContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(event_writer, "store", failing(3, AWAY, event_writer.store))
    with EventWriter(context) as writer:
        writer.log(told("a"))
    assert stored == [["a"]]


@pytest.mark.fault
def test_who_tells_too_much_or_ends_hears_of_it(
    stored: list[list[object]], context: dg.AssetExecutionContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("FIRST_WAIT_S", 0.01), ("LONGEST_WAIT_S", 0.05), ("STORE_WAIT_S", 0.2), ("LATEST_S", 0.01)):
        monkeypatch.setattr(event_writer, name, seconds)
    monkeypatch.setattr(event_writer, "MOST_WAITING", 2)
    monkeypatch.setattr(event_writer, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(event_writer, "store", failing(10**9, AWAY, event_writer.store))
    writer = EventWriter(context)
    for _ in range(3):  # one is being written, two wait
        writer.log(told("a", "b"))
    with pytest.raises(StoreUnavailable):
        writer.log(told("c"))
    with pytest.raises(StoreUnavailable):
        writer.close()
    writer._thread.join(10)
    assert not writer._thread.is_alive()
    assert stored == []


@pytest.mark.fault
def test_a_defect_in_writing_is_raised_where_the_run_sees_it(
    stored: list[list[object]], context: dg.AssetExecutionContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "store", failing(1, ZeroDivisionError("a defect"), event_writer.store))
    writer = EventWriter(context)
    writer.log(told("a"))
    with pytest.raises(ZeroDivisionError):
        writer.close()
    with pytest.raises(ZeroDivisionError):
        writer.log(told("b"))
    assert stored == []
