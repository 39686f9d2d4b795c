"""What is worked on is known wherever it is, and to who traces."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from asr_pipeline.domain.observing import traced_by, worked_on, working_on


def test_the_inner_adds_to_the_outer_and_ends_with_its_block() -> None:
    with working_on("run", run_id="r"), working_on("stage", stage="segments"):
        assert worked_on() == {"run_id": "r", "stage": "segments"}
        with working_on("stage", stage="transcripts"):
            assert worked_on()["stage"] == "transcripts"
        assert worked_on()["stage"] == "segments"
    assert worked_on() == {}


def test_tasks_inherit_and_do_not_meet() -> None:
    seen: dict[str, Mapping[str, str]] = {}

    async def recording(recording_id: str) -> None:
        with working_on("recording", recording_id=recording_id):
            for _ in range(3):
                await asyncio.sleep(0)
            seen[recording_id] = worked_on()

    async def run() -> None:
        with working_on("run", run_id="r"):
            await asyncio.gather(recording("a"), recording("b"))

    asyncio.run(run())
    assert seen == {one: {"run_id": "r", "recording_id": one} for one in ("a", "b")}


def test_a_tracer_hears_of_each_with_what_was_added_until_its_end() -> None:
    heard: list[tuple[str, str, dict[str, str]]] = []

    @contextmanager
    def tracer(what: str, fields: Mapping[str, str]) -> Iterator[None]:
        heard.append(("begin", what, dict(fields)))
        try:
            yield
        finally:
            heard.append(("end", what, dict(fields)))

    def request() -> None:
        with working_on("request", request_id="1") as told:
            told["status"] = "500"
            assert "status" not in worked_on()
            raise ZeroDivisionError

    with traced_by(tracer), pytest.raises(ZeroDivisionError):
        request()
    with working_on("request", request_id="2"):
        pass
    assert heard == [
        ("begin", "request", {"request_id": "1"}),
        ("end", "request", {"request_id": "1", "status": "500"}),
    ]
