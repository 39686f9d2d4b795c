"""Real libvosk over sound that comes bit by bit: partial texts, then the words that a whole recording gives too."""

import wave
from pathlib import Path

import pytest

from asr_pipeline.engines.live_recognizer import VoskLive

pytestmark = pytest.mark.engine


def pcm_of(file: Path) -> tuple[bytes, int]:
    with wave.open(str(file)) as source:
        assert (source.getsampwidth(), source.getnchannels()) == (2, 1)
        return source.readframes(source.getnframes()), source.getframerate()


@pytest.mark.parametrize("frame_bytes", [640, 64_000])
def test_speech_is_heard_while_it_comes(samples: Path, starter_models: Path, frame_bytes: int) -> None:
    pcm, rate_hz = pcm_of(samples / "phrases-1.wav")
    live = VoskLive(starter_models / "vosk-model-starter-en", sample_rate_hz=rate_hz)
    heard = [one for start in range(0, len(pcm), frame_bytes) for one in live.accept(pcm[start : start + frame_bytes])]
    heard += live.finish()
    words = [word for one in heard for word in one.words]
    assert [word.text for word in words[:4]] == ["the", "camera", "in", "the"]
    assert all(0 <= word.start_s < word.end_s <= len(pcm) / 2 / rate_hz + 0.1 for word in words)
    assert any(one.partial.startswith("the camera") for one in heard)


def test_silence_and_nothing_give_no_words(starter_models: Path) -> None:
    live = VoskLive(starter_models / "vosk-model-starter-en")
    assert [one.partial for one in live.accept(bytes(32_000))] == [""]
    assert live.finish() == []
    assert VoskLive(starter_models / "vosk-model-starter-en").finish() == []


def test_phrases_alone_are_heard(samples: Path, starter_models: Path) -> None:
    pcm, rate_hz = pcm_of(samples / "phrases-1.wav")
    live = VoskLive(starter_models / "vosk-model-starter-en", ("the camera",), sample_rate_hz=rate_hz)
    heard = [*live.accept(pcm), *live.finish()]
    assert {word.text for one in heard for word in one.words} <= {"the", "camera"}
