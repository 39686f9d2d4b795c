"""The lane ends after the run at work; and leaves alone what is another's, or nobody's any more."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asr_pipeline.api.gateway import Gateway
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline_tests.api.serving import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def test_what_waits_when_it_closes_stays_in_the_store(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    first, second = (gateway.pipeline.register(samples / f"phrases-{number}.wav").recording_id for number in (1, 2))
    gateway.lane.submit(first)
    wait_until(lambda: unfinished(gateway.instance), "the first is at work")
    gateway.lane.submit(second)
    gateway.lane.close()
    states = {row.recording.recording_id: row.state for row in gateway.pipeline.store.rows()}
    assert states == {first: RecordingState.DONE, second: RecordingState.IN_PROGRESS}


def test_what_is_done_costs_no_run(make_gateway: Callable[..., Gateway], samples: Path) -> None:
    gateway = make_gateway()
    one = gateway.pipeline.register(samples / "phrases-1.wav").recording_id
    gateway.lane.run([one])
    gateway.lane.submit(one)
    gateway.lane.close()
    assert gateway.instance.get_runs_count() == 1
