"""Speech that is no word of the model's: shown as such between words, left out where there is nothing else."""

import json

import pytest

from asr_pipeline.domain.transcript import NOT_UNDERSTOOD
from asr_pipeline.engines.recognizer import heard, heard_so_far, words_of


def result(text: str) -> str:
    words = [
        {"word": word, "start": float(number), "end": number + 0.9, "conf": 0.8}
        for number, word in enumerate(text.split())
    ]
    return json.dumps({"result": words, "text": text} if words else {"text": ""})


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("call me", "call me"),
        ("call [unk] now", "call … now"),
        ("[unk] call [unk] [unk] [unk] now [unk]", "… call … now …"),
        ("[unk] [unk]", ""),
        ("", ""),
    ],
)
def test_unknown_words_are_shown_between_known_ones(said: str, shown: str) -> None:
    assert " ".join(word["word"] for word in heard(result(said), ())["result"]) == shown


def test_an_ellipsis_lasts_as_long_as_what_it_stands_for_and_has_no_confidence() -> None:
    words = words_of(heard(result("call [unk] [unk] now"), ()), offset_s=10.0, limit_s=20.0)
    assert [(word.text, word.start_s, word.end_s, word.confidence) for word in words] == [
        ("call", 10.0, 10.9, 0.8),
        (NOT_UNDERSTOOD, 11.0, 12.9, 0.0),
        ("now", 13.0, 13.9, 0.8),
    ]


def test_with_phrases_other_speech_gives_no_word() -> None:
    assert [word["word"] for word in heard(result("[unk] yes [unk]"), ("yes",))["result"]] == ["yes"]


def test_what_is_heard_so_far_has_known_words_alone() -> None:
    assert heard_so_far('{"partial": "[unk] call [unk] me"}') == "call me"
    assert not heard_so_far('{"partial": ""}')
