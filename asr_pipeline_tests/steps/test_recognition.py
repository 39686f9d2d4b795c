"""Spans that a cluster recognises: what is shared for them, how many are under way, and what is made here instead."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import stamina

from asr_pipeline.domain.errors import EngineCrashed, EngineFailed, EngineStuck, ModelMissing, PipelineError
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.steps.flow import FlowReport
from asr_pipeline.steps.transcribe import transcribe
from asr_pipeline_tests.fakes import FakeTranscriber
from asr_pipeline_tests.steps.poison import PoisonedTranscriber
from asr_pipeline_tests.steps.test_flow_faults import SPANS, House

pytestmark = pytest.mark.fault
WORDS = {"expected": "a result", "found": "none", "remedy": "It is tried again."}


@dataclass
class FakeCluster:
    """Recognises at once; `errors` are raised for recordings, by id."""

    errors: dict[str, PipelineError | MemoryError] = field(default_factory=dict)
    spans_in_flight: int = 4
    there: set[str] = field(default_factory=set)
    heard: list[tuple[str, int]] = field(default_factory=list)
    priorities: dict[str, float] = field(default_factory=dict)

    def share(self, recording_id: str, audio: Path) -> None:
        assert audio.name == recording_id
        self.there.add(recording_id)

    def withdraw(self, recording_id: str) -> None:
        self.there.remove(recording_id)

    def recognise(self, span: Span, *, limit_s: float, priority: float) -> Future[tuple[list[Utterance], float]]:
        assert span.recording_id in self.there
        assert limit_s > 0
        self.heard.append((span.recording_id, span.index))
        self.priorities[span.recording_id] = priority
        future: Future[tuple[list[Utterance], float]] = Future()
        if (error := self.errors.get(span.recording_id)) is not None:
            future.set_exception(error)
        else:
            future.set_result((FakeTranscriber().transcribe(Path(span.recording_id), span), 0.5))
        return future


@pytest.fixture(autouse=True)
def _retry_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


def run(house: House, cluster: FakeCluster, names: list[str]) -> FlowReport:
    house.cluster = cluster
    return house.run(names)


def test_the_cluster_hears_every_span_and_nothing_is_left_with_it() -> None:
    house, cluster = House(), FakeCluster()
    report = run(house, cluster, ["a", "b"])
    assert sorted(report.done) == ["a", "b"]
    assert sorted(cluster.heard) == sorted((name, index) for name in "ab" for index in range(SPANS))
    assert house.heard == []
    assert not cluster.there
    assert cluster.priorities["a"] == -SPANS
    transcripts = [one.seconds[Stage.TRANSCRIPTS] for one in house.listener.results]
    assert max(transcripts) == pytest.approx(0.5 * SPANS)


@pytest.mark.parametrize("error", [EngineStuck("span", **WORDS), EngineCrashed("span", **WORDS), MemoryError()])
def test_what_harms_workers_is_made_here_in_isolation(error: PipelineError | MemoryError) -> None:
    house, cluster = House(transcriber=PoisonedTranscriber()), FakeCluster({"kills": error, "well": error})
    report = run(house, cluster, ["kills", "well"])
    assert report.done == ["well"]
    assert isinstance(report.failed["kills"], EngineCrashed)
    assert {one for one, _ in house.claims.condemned} == {"kills"}
    assert not cluster.there


def test_a_suspect_never_gets_to_the_cluster() -> None:
    house, cluster = House(transcriber=PoisonedTranscriber()), FakeCluster()
    house.claims.suspects |= {("a", f"{Stage.TRANSCRIPTS}-{index}") for index in range(SPANS)}
    assert run(house, cluster, ["a"]).done == ["a"]
    assert cluster.heard == []


def test_a_cluster_that_is_away_fails_for_now_and_another_model_stops_the_run() -> None:
    cluster = FakeCluster({"a": EngineFailed("the cluster", **WORDS)})
    report = run(House(), cluster, ["a", "b"])
    assert isinstance(report.failed["a"], EngineFailed)
    assert report.done == ["b"]
    with pytest.raises(ModelMissing):
        run(House(), FakeCluster({"a": ModelMissing("worker", **WORDS)}), ["a"])


def test_more_spans_are_under_way_once_workers_have_come() -> None:
    bound, under_way, most = [2], 0, []

    async def recognise(_: Path, span: Span) -> list[Utterance]:
        nonlocal under_way
        under_way += 1
        most.append(under_way)
        for _turn in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        if span.index == 9:
            bound[0] = 6
        return []

    spans = [Span("a", index, ()) for index in range(40)]
    asyncio.run(transcribe("a", Path("a"), spans, FakeTranscriber(), recognise, spans_in_flight=lambda: bound[0]))
    assert max(most[:9]) == 2
    assert max(most) == 6
