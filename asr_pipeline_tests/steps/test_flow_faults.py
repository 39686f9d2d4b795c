"""The flow when it is not alone, when it goes on after a crash, and when an engine hangs or kills its process."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import stamina

from asr_pipeline.domain.errors import EngineCrashed, EngineFailed, EngineStuck, PermanentFailure, PipelineError
from asr_pipeline.domain.glossary import Glossary
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.ports import Cluster, RunContext, Transcriber, Translator
from asr_pipeline.steps.caption import CaptionRules
from asr_pipeline.steps.engine_calls import TimeLimits
from asr_pipeline.steps.flow import Flow, FlowReport, FlowRules, Tools
from asr_pipeline.steps.threads import DaemonThreads
from asr_pipeline_tests.fakes import (
    FakeClaims,
    FakeDecoder,
    FakeDetector,
    FakeFiles,
    FakeListener,
    FakeMemory,
    FakeSpans,
    FakeStore,
    FakeSubtitleWriter,
    FakeTranscriber,
    FakeTranslator,
    recording,
)
from asr_pipeline_tests.steps.poison import PoisonedTranscriber, be_killed, hang

pytestmark = pytest.mark.fault
LOST = EngineFailed("worker", expected="a result", found="none", remedy="It is tried again.")
SPANS = 8


@pytest.fixture(autouse=True)
def _retry_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@dataclass
class CountingTranscriber(FakeTranscriber):
    """Keeps which spans it heard; `fails_at` may make it fail for good from a span on."""

    heard: list[tuple[str, int]] = field(default_factory=list)
    fails_at: int = 1000

    def transcribe(self, audio: Path, span: Span) -> list[Utterance]:
        if span.index >= self.fails_at:
            raise LOST
        self.heard.append((audio.name, span.index))
        return super().transcribe(audio, span)


@dataclass
class PoisonedTranslator(FakeTranslator):
    """Hangs or is killed at a word, everywhere."""

    def translate(
        self, sentences: Sequence[str], *, source: str, target: str, glossary: Glossary | None = None
    ) -> list[str]:
        for sentence in sentences:
            if sentence.startswith("Hang"):
                hang()
            if sentence.startswith("Kill"):
                be_killed()
        return super().translate(sentences, source=source, target=target, glossary=glossary)


@dataclass
class House:
    """What flows share, and how to start one."""

    transcriber: Transcriber = field(default_factory=CountingTranscriber)
    translator: Translator = field(default_factory=FakeTranslator)
    decoder: FakeDecoder = field(default_factory=FakeDecoder)
    store: FakeStore = field(default_factory=FakeStore)
    memory: FakeMemory = field(default_factory=FakeMemory)
    claims: FakeClaims = field(default_factory=FakeClaims)
    spans: FakeSpans = field(default_factory=FakeSpans)
    listener: FakeListener = field(default_factory=FakeListener)
    least_s: float = 60
    cluster: Cluster | None = None

    def flow(self, run: RunContext | None = None, *, in_flight: int = 4) -> tuple[Flow, DaemonThreads]:
        tools = Tools(
            self.decoder,
            FakeDetector(SPANS),
            self.transcriber,
            self.translator,
            FakeSubtitleWriter(),
            self.store,
            self.memory,
            FakeFiles(),
            self.claims,
            self.spans,
            cluster=self.cluster,
        )
        rules = FlowRules(
            target_languages=["fa"],
            caption_rules=CaptionRules(),
            span_target_s=1,
            recordings_in_flight=in_flight,
            time_limits=TimeLimits(max_real_time_factor=0.01, least_s=self.least_s),
        )
        threads = DaemonThreads(4, "flow", grace_s=0.1)
        return Flow(tools, rules, threads, self.listener, run or RunContext("run", "run")), threads

    def run(
        self,
        names: list[str],
        *,
        run: RunContext | None = None,
        resume: bool = False,
        only_missing: bool = False,
        in_flight: int = 4,
    ) -> FlowReport:
        self.store.register(recording(name) for name in names)
        flow, threads = self.flow(run, in_flight=in_flight)
        try:
            return flow.run(names, tuple(Stage), resume=resume, only_missing=only_missing)
        finally:
            threads.shutdown()

    @property
    def heard(self) -> list[tuple[str, int]]:
        assert isinstance(self.transcriber, CountingTranscriber)
        return sorted(self.transcriber.heard)


def all_spans(name: str) -> list[tuple[str, int]]:
    return [(name, index) for index in range(SPANS)]


# Resuming


def test_a_crashed_recording_goes_on_at_the_first_span_that_is_missing() -> None:
    undisturbed = House()
    undisturbed.run(["r0"])
    house = House(transcriber=CountingTranscriber(fails_at=5))
    assert house.run(["r0"]).failed == {"r0": LOST}
    kept = set(house.spans.kept["r0"])
    assert kept <= set(range(5))
    house.transcriber = CountingTranscriber()
    assert house.run(["r0"], run=RunContext("second", "run"), resume=True).done == ["r0"]
    assert house.heard == [one for one in all_spans("r0") if one[1] not in kept]
    assert house.store.transcript("r0") == undisturbed.store.transcript("r0")
    assert house.listener.speech_s == len(kept) + SPANS  # a bar shows what was recalled, too


def test_a_new_run_uses_what_was_kept_of_a_transcript_that_was_never_committed() -> None:
    house = House(transcriber=CountingTranscriber(fails_at=5))
    house.run(["r0"])
    kept = set(house.spans.kept["r0"])
    house.transcriber = CountingTranscriber()
    assert house.run(["r0"], run=RunContext("another", "another")).done == ["r0"]
    assert house.heard == [one for one in all_spans("r0") if one[1] not in kept]


def test_materialising_by_hand_recognises_all_again() -> None:
    house = House()
    house.run(["r0"])
    house.transcriber = CountingTranscriber(fails_at=5)
    house.run(["r0"])
    house.transcriber = CountingTranscriber()
    house.run(["r0"])
    assert house.heard == all_spans("r0")


def test_what_another_model_recognised_is_not_used() -> None:
    house = House(transcriber=CountingTranscriber(fails_at=5))
    house.run(["r0"])
    house.transcriber = CountingTranscriber(chunk_bytes=16_000)
    house.run(["r0"], resume=True)
    assert house.heard == all_spans("r0")


def test_within_a_run_a_second_attempt_recognises_what_is_missing() -> None:
    faults = iter([LOST])

    def once(_: str) -> None:
        if error := next(faults, None):
            raise error

    house = House(transcriber=CountingTranscriber(fault=once))
    assert house.run(["r0"]).done == ["r0"]
    assert len(house.heard) <= 2 * SPANS


# Not alone


def test_a_recording_that_another_flow_works_on_is_waited_for_and_not_computed_again() -> None:
    house = House()
    house.store.register([recording("r0"), recording("r1")])
    in_first, others_done = threading.Event(), threading.Event()

    def wait_in_first(name: str) -> None:
        if name == "r0":
            in_first.set()
            assert others_done.wait(60)

    class Listener(FakeListener):
        def stage_done(self, stage: Stage, results: RecordingResults) -> None:
            super().stage_done(stage, results)
            if stage is Stage.SUBTITLES:
                others_done.set()

    house.decoder.fault = wait_in_first
    second = replace(house, transcriber=CountingTranscriber(), listener=Listener())
    with ThreadPoolExecutor(1) as another:
        first_report = another.submit(house.run, ["r0"])
        assert in_first.wait(60)
        report = second.run(["r0", "r1"], run=RunContext("second", "second"), in_flight=1)
    assert first_report.result().done == ["r0"]
    assert report.done == ["r1", "r0"]  # with one place in the window, r1 was not held up
    assert house.decoder.decoded == ["r1", "r0"]
    assert second.heard == all_spans("r1")
    assert [one for one in second.listener.done if one[0] == "r0"] == [("r0", stage) for stage in Stage]
    assert len(house.store.commits) == 2 * len(Stage)


def test_what_is_done_when_its_turn_comes_is_given_as_it_is() -> None:
    house = House()
    house.run(["r0"])
    house.run(["r0", "r1"], only_missing=True)
    assert house.decoder.decoded == ["r0", "r1"]
    assert house.listener.done.count(("r0", Stage.SUBTITLES)) == 2


def test_claims_and_marks_are_gone_whatever_happened() -> None:
    bad = PermanentFailure("r1", expected="audio", found="text", remedy="Replace it.")

    def fault(name: str) -> None:
        if name == "r1":
            raise bad
        if name == "r2":
            raise ZeroDivisionError

    house = House(decoder=FakeDecoder(fault=fault))
    house.run(["r0", "r1", "r2", "r3"])
    assert house.claims.taken == set()
    assert house.claims.left == []


# Hangs and crashes


def kinds(report: FlowReport) -> dict[str, type[PipelineError]]:
    return {name: type(error) for name, error in report.failed.items()}


def test_a_recording_that_hangs_an_engine_fails_alone() -> None:
    house = House(transcriber=PoisonedTranscriber(), least_s=2)
    report = house.run(["r0", "hangs_1", "r2", "hangs-main_3", "r4"])
    assert kinds(report) == {"hangs_1": EngineStuck}, report.failed
    assert sorted(report.done) == ["hangs-main_3", "r0", "r2", "r4"]


def test_suspects_are_worked_on_in_isolation_and_only_what_kills_it_fails() -> None:
    suspects = {(name, f"transcripts-{index}") for name in ("kills_1", "kills-main_3") for index in range(SPANS)}
    house = House(transcriber=PoisonedTranscriber(), claims=FakeClaims(suspects=suspects))
    report = house.run(["r0", "kills_1", "r2", "kills-main_3", "r4"])
    assert sorted(report.done) == ["kills-main_3", "r0", "r2", "r4"]
    assert kinds(report) == {"kills_1": EngineCrashed}


def test_a_sentence_that_hangs_the_translator_fails_its_recording_alone() -> None:
    house = House(translator=PoisonedTranslator(), least_s=2)
    report = house.run(["r0", "hang", "r2"])
    assert sorted(report.done) == ["r0", "r2"]
    assert kinds(report) == {"hang": EngineStuck}


def test_a_sentence_that_kills_the_translator_fails_its_recording_alone() -> None:
    claims = FakeClaims(suspects={("kill", "translations"), ("r0", "translations")})
    house = House(translator=PoisonedTranslator(), claims=claims)
    report = house.run(["r0", "kill", "r2"])
    assert sorted(report.done) == ["r0", "r2"]
    assert kinds(report) == {"kill": EngineCrashed}
