from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.cue import CaptionRules, Cue, violations
from asr_pipeline.domain.cue_timing import DASH
from asr_pipeline.domain.errors import UpstreamMissing
from asr_pipeline.domain.persian import normalise
from asr_pipeline.domain.subtitle import SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance, Word, in_time_order
from asr_pipeline.domain.translation import Translation, TranslationSet
from asr_pipeline.steps.caption import caption, cues_in, languages_of_files

RULES = CaptionRules()
SPOKEN = st.tuples(st.integers(1, 16), st.sampled_from([0, 0, 30, 500, 2000]), st.integers(30, 900))
PERSIAN_WORDS = ["و", "را", "است.", "می‌خواهند", "كتاب", "12", "C++", "کتابخانه" * 6]


@dataclass
class KeptWriter:
    """Keeps what would be written."""

    written: dict[Path, tuple[list[Cue], SubtitleFormat, tuple[str, ...]]] = field(default_factory=dict)

    def write(
        self, destination: Path, cues: Sequence[Cue], *, file_format: SubtitleFormat, languages: Sequence[str]
    ) -> None:
        self.written[destination] = (list(cues), file_format, tuple(languages))


def transcript_of(*utterances: Utterance) -> Transcript:
    return Transcript("talk-1", "vosk", "small", "1", 8000, in_time_order(utterances))


def spoken(text: str, start_s: float, *, word_s: float = 0.3, channel: int = 0) -> Utterance:
    words = [
        Word(word, start_s + word_s * number, start_s + word_s * (number + 0.9), 1.0)
        for number, word in enumerate(text.split())
    ]
    return Utterance(0, channel, tuple(words))


def translated(transcript: Transcript, texts: Sequence[str], language: str = "fa") -> TranslationSet:
    translations = tuple(
        Translation(utterance.index, language, text)
        for utterance, text in zip(transcript.utterances, texts, strict=True)
    )
    return TranslationSet(transcript.recording_id, language, "argos", "en_fa", "1", translations)


def path_for(language: str, file_format: SubtitleFormat) -> Path:
    return Path(f"talk-1.{language}.{file_format}")


TRANSCRIPT = transcript_of(spoken("where is my umbrella", 1), spoken("it is in the kitchen", 4))
PERSIAN = translated(TRANSCRIPT, ["چترم كجاست?", "در آشپزخانه است."])


def test_every_language_and_format_has_a_file() -> None:
    writer = KeptWriter()
    files = caption(TRANSCRIPT, [PERSIAN], RULES, duration_s=10, writer=writer, path_for=path_for).files
    assert [(file.language, file.format, file.path, file.cue_count) for file in files] == [
        (language, file_format, f"talk-1.{language}.{file_format}", 2)
        for language in ("en", "fa", "bilingual")
        for file_format in SubtitleFormat
    ]
    assert set(writer.written) == {Path(file.path) for file in files}


def test_bilingual_cue_shows_english_above_persian() -> None:
    first, _ = cues_in(("en", "fa"), TRANSCRIPT, [PERSIAN], RULES, 10)
    assert [(text.language, text.lines) for text in first.texts] == [
        ("en", ("Where is my umbrella.",)),
        ("fa", ("چترم کجاست؟",)),
    ]
    assert (first.start_s, first.end_s) == (1.0, 2.17)


def test_each_of_several_target_languages_has_its_bilingual_file() -> None:
    sets = [PERSIAN, translated(TRANSCRIPT, ["Wo?", "Da."], "de")]
    assert languages_of_files(sets) == {
        "en": ("en",),
        "fa": ("fa",),
        "de": ("de",),
        "bilingual-fa": ("en", "fa"),
        "bilingual-de": ("en", "de"),
    }


def test_path_is_recorded_as_the_caller_wants_it() -> None:
    files = caption(
        TRANSCRIPT, [], RULES, duration_s=10, writer=KeptWriter(), path_for=path_for, relative=lambda path: f"x/{path}"
    ).files
    assert files[0].path == "x/talk-1.en.srt"


def test_persian_rules_are_for_persian_alone() -> None:
    arabic = translated(TRANSCRIPT, ["أين مظلتي?", "هي في المطبخ 5"], "ar")
    lines = [cue.texts[0].lines[0] for cue in cues_in(("ar",), TRANSCRIPT, [arabic], RULES, 10)]
    assert lines == ["أين مظلتي?", "هي في المطبخ 5"]


def test_digits_follow_the_setting() -> None:
    numbers = translated(TRANSCRIPT, ["ساعت 7", "۲۵ دلار"])
    rules = CaptionRules(persian_digits="latin")
    lines = [cue.texts[0].lines[0] for cue in cues_in(("fa",), TRANSCRIPT, [numbers], rules, 10)]
    assert lines == ["ساعت 7", "25 دلار"]


def test_silent_recording_has_files_without_cues() -> None:
    silent = transcript_of()
    writer = KeptWriter()
    files = caption(silent, [translated(silent, [])], RULES, duration_s=10, writer=writer, path_for=path_for).files
    assert len(files) == 9
    assert all(cues == [] for cues, _, _ in writer.written.values())
    assert writer.written[Path("talk-1.fa.ttml")][2] == ("fa",)


def test_empty_translation_leaves_english_alone() -> None:
    cues = cues_in(("en", "fa"), TRANSCRIPT, [translated(TRANSCRIPT, ["\u200c ", "در آشپزخانه."])], RULES, 10)
    assert [[text.language for text in cue.texts] for cue in cues] == [["en"], ["en", "fa"]]


def test_translations_of_an_older_transcript_are_refused() -> None:
    older = transcript_of(spoken("where is my umbrella", 1))
    with pytest.raises(UpstreamMissing, match=r"2 utterances.*1 utterances without"):
        cues_in(("fa",), TRANSCRIPT, [translated(older, ["چترم کجاست؟"])], RULES, 10)


def test_english_cues_have_the_times_of_their_words() -> None:
    text = "we went to the library in the morning and then we drove to the station with all of our old friends"
    utterance = spoken(text, 2)
    cues = cues_in(("en",), transcript_of(utterance), [], RULES, 20)
    assert len(cues) == 2
    shown = len(" ".join(cues[0].texts[0].lines).split())
    assert cues[1].start_s == pytest.approx(utterance.words[shown].start_s, abs=0.001)


def test_bilingual_cues_show_the_same_share_of_both_languages() -> None:
    before, after = spoken("we all went to see the old house in the woods with her", 1), spoken("in the rain", 8)
    talk = transcript_of(Utterance(0, 0, before.words + after.words))
    cues = cues_in(("en", "de"), talk, [translated(talk, ["wort " * 15], "de")], RULES, 20)
    assert [" ".join(text.lines).count(" ") + 1 for cue in cues for text in cue.texts] == [13, 12, 3, 3]


def test_language_with_little_to_say_leaves_later_cues_to_the_other() -> None:
    talk = transcript_of(spoken("yes", 1, word_s=9))
    cues = cues_in(("en", "fa"), talk, [translated(talk, ["کتابخانه " * 20])], RULES, 20)
    assert [[text.language for text in cue.texts] for cue in cues][:2] == [["en", "fa"], ["fa"]]
    assert sum(" ".join(cue.texts[-1].lines).count("کتابخانه") for cue in cues) == 20


@st.composite
def talks(draw: st.DrawFn, channels: int = 1) -> tuple[Transcript, list[str], float]:
    """Utterances of words with pauses, one Persian sentence to each, and the recording's duration."""
    utterances: list[Utterance] = []
    for channel in range(channels):
        now_s = 0.0
        for _ in range(draw(st.integers(0, 5))):
            now_s += draw(st.floats(0, 4))
            words: list[Word] = []
            for chars, pause_ms, word_ms in draw(st.lists(SPOKEN, min_size=1, max_size=30)):
                start_s = now_s + pause_ms / 1000
                now_s = start_s + word_ms / 1000
                words.append(Word("abcdefghijklmnop"[:chars], start_s, now_s, 1.0))
            utterances.append(Utterance(0, channel, tuple(words)))
    transcript = transcript_of(*utterances)
    sentence = st.lists(st.sampled_from(PERSIAN_WORDS), max_size=30).map(" ".join)
    last_s = max((utterance.end_s for utterance in utterances), default=0.0)
    room_s = 2 * 0.92 * sum(len(utterance.words) for utterance in utterances) * draw(st.sampled_from([0, 1]))
    return transcript, [draw(sentence) for _ in transcript.utterances], last_s + room_s + draw(st.floats(0.5, 5))


def only_unavoidable(wrong: list[str]) -> list[str]:
    return [sentence for sentence in wrong if "no room to show it longer" not in sentence]


@settings(max_examples=40)
@given(talks(), st.sampled_from([("en",), ("fa",), ("en", "fa")]))
def test_cues_keep_to_the_rules_and_lose_nothing(
    talk: tuple[Transcript, list[str], float], languages: tuple[str, ...]
) -> None:
    transcript, texts, duration_s = talk
    cues = cues_in(languages, transcript, [translated(transcript, texts)], RULES, duration_s)
    wrong = only_unavoidable(violations(cues, RULES, duration_s))
    if (RULES.min_cue_s + RULES.gap_s) * len(cues) <= duration_s:
        assert wrong == []
    else:  # too many cues for the recording: shorter than the minimum, and nothing worse
        assert all("below" in sentence for sentence in wrong)
    for language, expected in (
        ("en", [utterance.sentence for utterance in transcript.utterances]),
        ("fa", [normalise(text) for text in texts]),
    ):
        if language in languages:
            shown = [line for cue in cues for text in cue.texts if text.language == language for line in text.lines]
            assert letters(shown) == letters(expected)


@settings(max_examples=40)
@given(talks(channels=2))
def test_cues_of_two_speakers_never_overlap_and_lose_nothing(talk: tuple[Transcript, list[str], float]) -> None:
    transcript, _, duration_s = talk
    cues = cues_in(("en",), transcript, [], RULES, duration_s)
    assert all(first.end_s <= second.start_s for first, second in pairwise(cues))
    assert all(0 <= cue.start_s < cue.end_s <= duration_s for cue in cues)
    shown = Counter(
        word for cue in cues for text in cue.texts for line in text.lines for word in line.removeprefix(DASH).split()
    )
    assert shown == Counter(word for utterance in transcript.utterances for word in utterance.sentence.split())


@settings(max_examples=40)
@given(talks())
def test_text_is_shown_until_it_is_read_where_there_is_room(talk: tuple[Transcript, list[str], float]) -> None:
    transcript, _, duration_s = talk
    cues = cues_in(("en",), transcript, [], RULES, duration_s)
    for cue, following in zip_longest(cues, cues[1:]):
        until_s = min(following.start_s - RULES.gap_s if following else duration_s, cue.start_s + RULES.max_cue_s)
        assert cue.chars_per_s <= RULES.max_chars_per_s * 1.01 or cue.end_s >= until_s - 0.1


def letters(lines: list[str]) -> str:
    return "".join("".join(lines).split())
