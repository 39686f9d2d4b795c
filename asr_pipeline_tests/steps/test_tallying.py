"""What flows do is counted: stages with their seconds, words, failures, hits of the translation memory."""

from collections import defaultdict
from dataclasses import replace

from asr_pipeline.defs.resources import NoProgress
from asr_pipeline.domain.errors import EngineFailed
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.tally import HIT, MISS, Tally
from asr_pipeline.ports import EngineVersion
from asr_pipeline.steps.tallying import CountedMemory, TallyListener
from asr_pipeline_tests.fakes import FakeMemory, recording
from asr_pipeline_tests.storage.samples import results as samples


class Counts(defaultdict[tuple[str, str, str], float]):
    def __init__(self) -> None:
        super().__init__(float)

    def add(self, tally: Tally, value: float = 1, *, stage: str = "", kind: str = "") -> None:
        self[tally.value, stage, kind] += value


def test_a_stage_is_counted_with_its_time_unless_its_result_was_there() -> None:
    counts = Counts()
    listener = TallyListener(counts, also=NoProgress())
    found = samples("a")
    results = RecordingResults(recording("a"), audio=found.audio, transcript=found.transcript)
    listener.stage_done(Stage.SEGMENTS, results)
    assert counts == {}
    results.seconds[Stage.TRANSCRIPTS] = 2.5
    listener.stage_done(Stage.TRANSCRIPTS, results)
    words = found.transcript.word_count
    assert counts == {
        ("stage_recordings", "transcripts", ""): 1,
        ("stage_engine_s", "transcripts", ""): 2.5,
        ("stage_audio_s", "transcripts", ""): found.audio.duration_s,
        ("words", "", ""): words,
        ("word_confidence", "", ""): words * (found.transcript.mean_confidence or 0),
    }


def test_silence_has_no_words_to_count() -> None:
    counts = Counts()
    silent = replace(samples("a").transcript, utterances=())
    results = RecordingResults(recording("a"), transcript=silent, seconds={Stage.TRANSCRIPTS: 0.1})
    TallyListener(counts, also=NoProgress()).stage_done(Stage.TRANSCRIPTS, results)
    assert ("words", "", "") not in counts


def test_failures_are_counted_by_stage_and_kind() -> None:
    counts = Counts()
    error = EngineFailed("it", expected="this", found="that", remedy="None.")
    TallyListener(counts, also=NoProgress()).recording_failed("a", Stage.TRANSCRIPTS, error)
    assert counts == {("failures", "transcripts", "EngineFailed"): 1}


def test_sentences_that_the_memory_knows_are_hits() -> None:
    counts = Counts()
    memory, version = CountedMemory(FakeMemory(), counts), EngineVersion("e", "m", "1")
    memory.remember({"One.": "یک"}, "en", "fa", version)
    assert memory.recall(["One.", "Two.", "Three."], "en", "fa", version) == {"One.": "یک"}
    assert counts == {("memory_lookups", "", HIT): 1, ("memory_lookups", "", MISS): 2}
