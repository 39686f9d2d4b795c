import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.cue import CaptionRules, visible_chars
from asr_pipeline.domain.line_breaking import join, split_cues, split_lines, tokens_of_text, tokens_of_words
from asr_pipeline.domain.transcript import Word

RULES = CaptionRules()


def lines_of(text: str, language: str = "en") -> tuple[str, ...]:
    return split_lines(tokens_of_text(text, 0, 5, RULES.max_line_chars), language, RULES)


@pytest.mark.parametrize(
    ("text", "language", "lines"),
    [
        ("A short line stays whole.", "en", ("A short line stays whole.",)),
        (
            "It was seven forty when our teacher arrived.",
            "en",
            ("It was seven forty", "when our teacher arrived."),
        ),
        (
            "We looked for the book in the garden of the school.",
            "en",
            ("We looked for the book", "in the garden of the school."),
        ),
        (
            "She came home late, so we all ate without her.",
            "en",
            ("She came home late,", "so we all ate without her."),
        ),
        (
            "دوستانم می‌خواهند سه‌شنبه‌ی آینده به کتابخانه بروند.",
            "fa",
            ("دوستانم می‌خواهند سه‌شنبه‌ی آینده", "به کتابخانه بروند."),
        ),
    ],
)
def test_lines_part_at_sense(text: str, language: str, lines: tuple[str, ...]) -> None:
    assert lines_of(text, language) == lines


def test_persian_verb_and_object_mark_stay_with_their_word() -> None:
    for line in lines_of("او دیروز تمام کتاب‌های بسیار قدیمی کتابخانه را با دقت مرتب کرده است.", "fa"):
        assert not line.startswith(("را ", "است", "کرده "))


def test_cues_part_at_the_end_of_a_sentence() -> None:
    text = "The camera in the garden has been broken since May. Please drive to the station on the evening of Sunday."
    cues = split_cues(tokens_of_text(text, 0, 8, 42), "en", RULES)
    assert [join(cue) for cue in cues] == [
        "The camera in the garden has been broken since May.",
        "Please drive to the station on the evening of Sunday.",
    ]


def test_cues_part_at_a_long_pause() -> None:
    text = "we will go there in the morning and then we will come back home again with all of the children"
    texts = text.split()
    times = [0.3 * number + (2.0 if number >= 11 else 0.0) for number in range(len(texts))]
    words = [Word(text, start_s, start_s + 0.25, 1) for text, start_s in zip(texts, times, strict=True)]
    cues = split_cues(tokens_of_words(text, words, 42), "en", RULES)
    assert join(cues[0]) == "we will go there in the morning and then we will"
    assert (cues[0][-1].end_s, cues[1][0].start_s) == (words[10].end_s, words[11].start_s)


def test_time_of_text_is_shared_out_by_characters() -> None:
    tokens = tokens_of_text("aaa bbbbbbb", 10, 22, 42)
    assert [(token.start_s, token.end_s) for token in tokens] == [(10, 14), (14, 22)]


def test_words_that_do_not_fit_the_text_share_its_time() -> None:
    tokens = tokens_of_words("one two three", [Word("one two", 1, 2, 1), Word("three", 2, 3, 1)], 42)
    assert (tokens[0].start_s, tokens[-1].end_s, len(tokens)) == (1, 3, 3)


def test_long_word_is_cut_without_loss() -> None:
    word = "x" * 100
    assert lines_of(word)[:2] == ("x" * 42, "x" * 42)
    assert "".join(lines_of(word)) == word


@given(
    text=st.lists(st.text("abcdeیک\u200c\u0651.,", min_size=1, max_size=60), min_size=1, max_size=50).map(" ".join),
    max_line_chars=st.integers(5, 60),
    max_lines=st.integers(1, 4),
    count=st.none() | st.integers(1, 12),
    language=st.sampled_from(["en", "fa", "de"]),
)
def test_nothing_is_lost_and_lines_keep_their_limits(
    text: str, max_line_chars: int, max_lines: int, count: int | None, language: str
) -> None:
    rules = CaptionRules(max_line_chars=max_line_chars, max_lines=max_lines)
    tokens = tokens_of_text(text, 0, 30, max_line_chars)
    fewest = len(split_cues(tokens, language, rules))
    cues = split_cues(tokens, language, rules, count=None if count is None else fewest + count)
    if count is not None:
        assert len(cues) == min(fewest + count, len(tokens))
    lines = [split_lines(cue, language, rules) for cue in cues]
    assert all(1 <= len(shown) <= max_lines for shown in lines)
    assert all(visible_chars(line) <= max_line_chars for shown in lines for line in shown)
    assert "".join("".join(shown) for shown in lines).replace(" ", "") == text.replace(" ", "")
