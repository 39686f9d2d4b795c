"""The flow, with fakes: order, bounds, partial failure, retries, resuming, subsets."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import stamina

from asr_pipeline.domain.errors import EngineFailed, ModelMissing, StoreUnavailable, UnreadableAudio
from asr_pipeline.domain.glossary import fingerprint, glossary_entry
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext
from asr_pipeline.steps.caption import CaptionRules
from asr_pipeline.steps.flow import Flow, FlowReport, FlowRules, Tools
from asr_pipeline_tests.fakes import (
    DeafTranslator,
    FakeClaims,
    FakeDecoder,
    FakeDetector,
    FakeFiles,
    FakeGlossaries,
    FakeListener,
    FakeMemory,
    FakeSpans,
    FakeStore,
    FakeSubtitleWriter,
    FakeTranscriber,
    FakeTranslator,
    recording,
)


@pytest.fixture(autouse=True)
def _retry_at_once() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@dataclass
class House:
    """A flow's surroundings."""

    decoder: FakeDecoder = field(default_factory=FakeDecoder)
    detector: FakeDetector = field(default_factory=FakeDetector)
    transcriber: FakeTranscriber = field(default_factory=FakeTranscriber)
    translator: FakeTranslator = field(default_factory=FakeTranslator)
    writer: FakeSubtitleWriter = field(default_factory=FakeSubtitleWriter)
    store: FakeStore = field(default_factory=FakeStore)
    memory: FakeMemory = field(default_factory=FakeMemory)
    claims: FakeClaims = field(default_factory=FakeClaims)
    spans: FakeSpans = field(default_factory=FakeSpans)
    listener: FakeListener = field(default_factory=FakeListener)
    glossaries: FakeGlossaries = field(default_factory=FakeGlossaries)
    unregistered: set[str] = field(default_factory=set)

    def run(
        self,
        names: list[str],
        *stages: Stage,
        run: RunContext | None = None,
        resume: bool = False,
        allow_silent: bool = True,
        in_flight: int = 4,
        span_target_s: float = 1,
        only_missing: bool = False,
    ) -> FlowReport:
        self.store.register(recording(name) for name in names if name not in self.unregistered)
        tools = Tools(
            self.decoder,
            self.detector,
            self.transcriber,
            self.translator,
            self.writer,
            self.store,
            self.memory,
            FakeFiles(),
            self.claims,
            self.spans,
            self.glossaries,
        )
        rules = FlowRules(
            target_languages=["fa"],
            caption_rules=CaptionRules(),
            allow_silent=allow_silent,
            span_target_s=span_target_s,
            recordings_in_flight=in_flight,
        )
        with ThreadPoolExecutor(4) as executor:
            flow = Flow(tools, rules, executor, self.listener, run or RunContext("run", "run"))
            return flow.run(names, stages or tuple(Stage), resume=resume, only_missing=only_missing)


def fail_on(name: str, error: Exception, times: int = 1000) -> "Faulty":
    """Make a fault that raises for one name, the first `times` times."""
    return Faulty(name, error, times)


@dataclass
class Faulty:
    """Raises for one name, a number of times."""

    name: str
    error: Exception
    times: int
    seen: int = 0

    def __call__(self, name: str) -> None:
        if name == self.name:
            self.seen += 1
            if self.seen <= self.times:
                raise self.error


CORRUPT = UnreadableAudio("r1.wav", expected="audio", found="text", remedy="Replace it.")
LOST = EngineFailed("worker", expected="a result", found="none", remedy="It is tried again.")


def test_recordings_go_through_all_stages() -> None:
    house = House()
    names = [f"r{i}" for i in range(20)]
    report = house.run(names)
    assert sorted(report.done) == sorted(names)
    assert report.failed == {}
    assert house.store.count_by_state()[RecordingState.DONE] == 20
    assert sorted(house.listener.done) == sorted((name, stage) for name in names for stage in Stage)
    for name in names:
        assert [s for one, s, _ in house.store.commits if one == name] == list(Stage)


def test_utterances_stand_in_the_order_of_time_whatever_finishes_first() -> None:
    house = House()
    house.detector.count = 8
    house.transcriber.delay_s = lambda span: 0.02 * (8 - span.index)
    house.run(["r0"])
    transcript = house.store.transcript("r0")
    assert transcript is not None
    assert [u.words[1].text for u in transcript.utterances] == [str(i) for i in range(8)]
    assert house.transcriber.most_running["spans"] > 1


def test_each_utterance_has_its_own_translation() -> None:
    house = House()
    house.run([f"r{i}" for i in range(10)])
    for name in house.store.recordings:
        transcript, (translated,) = house.store.transcript(name), house.store.translations(name)
        assert transcript is not None
        assert [t.text for t in translated.translations] == [f"fa:{u.sentence}" for u in transcript.utterances]


def test_sentences_of_many_recordings_are_translated_together() -> None:
    house = House()
    house.run([f"r{i}" for i in range(10)])
    assert sum(len(batch) for batch in house.translator.batches) == 40
    assert len(house.translator.batches) < 10


def test_each_recording_has_its_share_of_the_time_that_a_batch_took() -> None:
    house = House()
    house.run(["r0", "r1"])
    house.run(["r0"])  # remembered by now
    of_each = [
        (results.recording.recording_id, results.seconds[Stage.TRANSLATIONS])
        for (_, stage), results in zip(house.listener.done, house.listener.results, strict=True)
        if stage is Stage.TRANSLATIONS
    ]
    assert len(house.translator.batches) < 3
    assert [recording_id for recording_id, _ in of_each] == ["r0", "r1", "r0"]
    first, second, again = (seconds for _, seconds in of_each)
    assert min(first, second) > 0
    assert again == 0


def test_what_was_translated_before_is_remembered() -> None:
    house = House()
    house.run(["r0"])
    house.translator.batches.clear()
    house.run(["r0"])
    assert house.translator.batches == []
    assert house.store.commits.count(("r0", Stage.TRANSLATIONS, "run")) == 2


def test_a_run_uses_the_glossary_as_it_was_at_its_start_and_keeps_its_name() -> None:
    house = House()
    house.run(["r1", "r2"])
    plain = house.store.translations("r1")[0]
    assert plain.glossary == ""

    house.glossaries.entries = [glossary_entry("r1", "واژه", "fa")]
    house.run(["r1", "r2"], Stage.TRANSLATIONS)
    assert house.glossaries.asked == 2
    with_term = house.store.translations("r1")[0]
    assert [one.text for one in with_term.translations] == [f"{one.text} واژه" for one in plain.translations]
    assert with_term.glossary == fingerprint(house.glossaries.entries)
    assert house.store.translations("r2")[0].glossary == ""
    told = {results.recording.recording_id: results.missing_terms for results in house.listener.results}
    assert told == {"r1": [], "r2": []}


def test_a_translator_that_can_not_put_a_term_is_told_of() -> None:
    house = House(translator=DeafTranslator())
    house.glossaries.entries = [glossary_entry("r1", "واژه", "fa")]
    house.run(["r1"])
    missing = next(one.missing_terms for one in house.listener.results if one.missing_terms is not None)
    assert missing == [f"fa: utterance {n}: 'r1' is not 'واژه'" for n in range(4)]


def test_a_corrupt_recording_does_not_stop_the_others() -> None:
    house = House(decoder=FakeDecoder(fault=fail_on("r1", CORRUPT)))
    report = house.run(["r0", "r1", "r2"])
    assert sorted(report.done) == ["r0", "r2"]
    assert report.failed == {"r1": CORRUPT}
    assert house.store.failures["r1"] == (Stage.RAW_AUDIO, CORRUPT)
    assert house.listener.failed == [("r1", Stage.RAW_AUDIO)]
    assert house.store.count_by_state()[RecordingState.QUARANTINED] == 1


def test_a_transient_failure_is_tried_again() -> None:
    fault = fail_on("r1", LOST, times=2)
    house = House(transcriber=FakeTranscriber(fault=fault))
    report = house.run(["r0", "r1"], span_target_s=100)
    assert sorted(report.done) == ["r0", "r1"]
    assert fault.seen == 3


def test_a_transient_failure_that_lasts_is_reported_as_failed() -> None:
    house = House(transcriber=FakeTranscriber(fault=fail_on("r1", LOST)))
    report = house.run(["r0", "r1"])
    assert report.failed == {"r1": LOST}
    assert house.store.count_by_state()[RecordingState.FAILED] == 1


def test_what_failed_is_made_anew_though_it_was_committed_before() -> None:
    house = House()
    assert house.run(["r0", "r1"]).failed == {}
    house.store.failures["r1"] = (Stage.TRANSLATIONS, LOST)
    before = len(house.store.commits)
    assert sorted(house.run(["r0", "r1"], only_missing=True).done) == ["r0", "r1"]
    anew = [(name, stage) for name, stage, _ in house.store.commits[before:]]
    assert anew == [("r1", Stage.TRANSLATIONS), ("r1", Stage.SUBTITLES)]
    assert house.store.count_by_state()[RecordingState.DONE] == 2


def test_who_can_not_be_told_now_is_told_again() -> None:
    away = StoreUnavailable("Dagster's database", expected="an answer", found="none", remedy="Wait.")
    faults = iter([away, away])

    class OnceAway(FakeListener):
        def stage_done(self, stage: Stage, results: RecordingResults) -> None:
            if stage is Stage.SEGMENTS and (error := next(faults, None)):
                raise error
            super().stage_done(stage, results)

    house = House(listener=OnceAway())
    assert house.run(["r0"]).done == ["r0"]
    assert house.listener.done == [("r0", stage) for stage in Stage]
    assert [stage for _, stage, _ in house.store.commits] == list(Stage)


def test_a_database_that_comes_back_loses_nothing() -> None:
    away = StoreUnavailable("db", expected="an answer", found="none", remedy="Wait.")
    faults = iter([away, away])

    def once_away(method: str, name: str) -> None:
        if (method, name) == ("save_transcripts", "r1") and (error := next(faults, None)):
            raise error

    house = House(store=FakeStore(fault=once_away))
    assert sorted(house.run(["r0", "r1"]).done) == ["r0", "r1"]


def test_a_fault_of_ours_fails_one_recording_with_its_cause() -> None:
    house = House(decoder=FakeDecoder(fault=fail_on("r1", ZeroDivisionError("ours"))))
    report = house.run(["r0", "r1"])
    assert report.done == ["r0"]
    assert "ZeroDivisionError: ours" in str(report.failed["r1"])


def test_a_missing_model_stops_the_run() -> None:
    missing = ModelMissing("model", expected="a model", found="none", remedy="Pull it.")
    house = House(transcriber=FakeTranscriber(fault=fail_on("r1", missing)))
    with pytest.raises(ModelMissing):
        house.run(["r0", "r1"])


def test_a_partition_that_nobody_registered_fails_alone() -> None:
    house = House()
    house.unregistered.add("ghost")
    report = house.run(["ghost", "r0"])
    assert report.done == ["r0"]
    assert "added by hand" in str(report.failed["ghost"])


def test_only_the_stages_asked_for_are_computed() -> None:
    house = House()
    house.run(["r0"])
    house.listener.done.clear()
    house.decoder.decoded.clear()
    house.run(["r0"], Stage.TRANSLATIONS)
    assert house.listener.done == [("r0", Stage.TRANSLATIONS)]
    assert house.decoder.decoded == []


def test_a_stage_without_its_input_says_which_to_materialize_first() -> None:
    report = House().run(["r0"], Stage.TRANSLATIONS)
    assert "expected transcripts to be materialized, found none yet" in str(report.failed["r0"])


def test_an_automatic_retry_skips_what_its_lineage_committed() -> None:
    house = House()
    house.run(["r0"], Stage.RAW_AUDIO, run=RunContext("first", "first"))
    house.run(["r0", "r1"], run=RunContext("second", "first"), resume=True)
    assert house.decoder.decoded == ["r0", "r1"]
    assert house.listener.done.count(("r0", Stage.RAW_AUDIO)) == 2


def test_materialising_again_by_hand_computes_again() -> None:
    house = House()
    house.run(["r0"])
    house.run(["r0"])
    assert house.decoder.decoded == ["r0", "r0"]


def test_no_more_recordings_than_the_window_are_open_at_once() -> None:
    house = House()
    waiting: set[str] = set()
    most = 0

    def open_until_recognised(_: object) -> float:
        nonlocal most
        most = max(most, len(set(house.decoder.decoded) - waiting))
        return 0.002

    house.transcriber.delay_s = open_until_recognised
    original = house.store.save_transcript

    def saved(transcript: object, run: RunContext) -> None:
        waiting.add(transcript.recording_id)  # type: ignore[attr-defined]
        original(transcript, run)  # type: ignore[arg-type]

    house.store.save_transcript = saved  # type: ignore[method-assign]
    house.run([f"r{i}" for i in range(30)], in_flight=3)
    assert 1 <= most <= 4  # the one that has just been saved may still be counted


def test_silence_is_done_or_refused_by_setting() -> None:
    assert House().run(["silent"]).done == ["silent"]
    report = House().run(["silent"], allow_silent=False)
    assert "expected speech" in str(report.failed["silent"])


def test_the_files_written_are_the_ones_recorded() -> None:
    house = House()
    house.run(["r0"])
    assert {Path(file.path) for file in house.store.subtitles("r0")} == set(house.writer.written)
