"""Rules that tell a good result from one that a person should look at."""

from dataclasses import replace

import pytest

from asr_pipeline.domain import quality
from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import Translation, TranslationSet

AUDIO = AudioInfo("a.flac", 10.0, "wav", "pcm_s16le", 16_000, 1, 1, -3.0, -20.0, 0, ())
WORDS = (Word("one", 1.0, 1.5, 0.9), Word("two", 1.5, 2.0, 0.7))
TRANSCRIPT = Transcript("r", "vosk", "m", "1", 8000, (Utterance(0, 0, WORDS),))


def translated(*texts: str) -> TranslationSet:
    pairs = tuple(Translation(index, "fa", text) for index, text in enumerate(texts))
    return TranslationSet("r", "fa", "argos", "m", "1", pairs)


def with_words(*words: Word) -> Transcript:
    return replace(TRANSCRIPT, utterances=(Utterance(0, 0, words),))


def test_silence_and_clipping_are_noticed() -> None:
    assert quality.not_silent(AUDIO).passed
    assert not quality.not_silent(replace(AUDIO, peak_dbfs=-120.0)).passed
    assert quality.not_clipped(replace(AUDIO, clipped_samples=160)).passed
    assert not quality.not_clipped(replace(AUDIO, clipped_samples=161)).passed


@pytest.mark.parametrize(
    "segments",
    [
        [Segment(0, 0, 1.0, 3.0), Segment(1, 0, 2.0, 4.0)],
        [Segment(0, 0, 3.0, 2.0)],
        [Segment(0, 0, 9.0, 11.0)],
    ],
)
def test_segments_that_overlap_or_lie_outside_are_noticed(segments: list[Segment]) -> None:
    assert not quality.segments_in_order(segments, 10.0).passed


def test_segments_of_two_channels_may_overlap() -> None:
    assert quality.segments_in_order([Segment(0, 0, 1.0, 3.0), Segment(1, 1, 2.0, 4.0)], 10.0).passed


def test_no_words_are_a_fault_only_where_there_is_speech() -> None:
    empty = replace(TRANSCRIPT, utterances=())
    assert quality.not_empty(empty, []).passed
    assert not quality.not_empty(empty, [Segment(0, 0, 0.0, 1.0)]).passed
    assert quality.not_empty(TRANSCRIPT, [Segment(0, 0, 0.0, 1.0)]).passed


def test_low_confidence_is_noticed() -> None:
    assert quality.confident(TRANSCRIPT).passed
    assert not quality.confident(with_words(Word("one", 1.0, 1.5, 0.3))).passed
    assert quality.confident(replace(TRANSCRIPT, utterances=())).passed


@pytest.mark.parametrize(
    "words",
    [
        (Word("late", 9.0, 10.5, 1.0),),
        (Word("second", 2.0, 2.5, 1.0), Word("first", 1.0, 1.5, 1.0)),
        (Word("backwards", 2.0, 1.0, 1.0),),
        (Word("before", -0.5, 0.2, 1.0),),
    ],
)
def test_times_out_of_order_or_outside_the_recording_are_noticed(words: tuple[Word, ...]) -> None:
    assert quality.times_in_order(TRANSCRIPT, 10.0).passed
    assert not quality.times_in_order(with_words(*words), 10.0).passed


def test_utterances_out_of_order_are_noticed() -> None:
    swapped = replace(TRANSCRIPT, utterances=(Utterance(0, 0, (Word("b", 5.0, 5.5, 1.0),)), Utterance(1, 0, WORDS)))
    assert not quality.times_in_order(swapped, 10.0).passed


def test_each_utterance_has_one_translation_with_text() -> None:
    assert quality.one_to_each(TRANSCRIPT, [translated("یک دو")]).passed
    assert not quality.one_to_each(TRANSCRIPT, [translated()]).passed
    assert not quality.one_to_each(TRANSCRIPT, [translated("یک", "دو")]).passed
    assert not quality.one_to_each(TRANSCRIPT, [translated(" ")]).passed


def test_persian_that_is_not_persian_is_noticed() -> None:
    assert quality.persian_script([translated("مینا iPhone دوست دارد و آن را خرید")]).passed
    assert not quality.persian_script([translated("not persian")]).passed
    assert quality.persian_script([translated("12")]).passed


def test_cues_that_break_the_rules_are_named() -> None:
    assert quality.subtitles_in_limits([]).passed
    finding = quality.subtitles_in_limits(["fa: cue 1 too long", "fa: cue 2 too long"])
    assert not finding.passed
    assert finding.measured == "fa: cue 1 too long (and 1 more)"


def test_terms_that_were_not_put_are_named_and_the_rest_counted() -> None:
    assert quality.glossary_used([]).passed
    finding = quality.glossary_used([f"fa: utterance {n}: 'camera' is not 'دوربین'" for n in range(12)])
    assert not finding.passed
    assert "utterance 9" in finding.measured
    assert "utterance 10" not in finding.measured
    assert finding.measured.endswith("(and 2 more)")
