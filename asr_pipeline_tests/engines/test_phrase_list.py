"""Phrases that recognition is restricted to: files, models, and what is heard."""

import pickle
import shutil
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.domain.segment import Span
from asr_pipeline.engines.audio import FFmpegDecoder
from asr_pipeline.engines.phrase_list import MAX_FILE_BYTES, MAX_PHRASES, read_phrases
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.engines.voice_activity import WebRtcDetector

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


@pytest.fixture(scope="module")
def model(starter_models: Path) -> Path:
    return starter_models / "vosk-model-starter-en"


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "phrases.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_phrases_are_read_in_the_models_spelling(tmp_path: Path, model: Path) -> None:
    path = written(tmp_path, "\ufeffMy  phone number is\r\n\nzero\n zero \nali's\n")
    assert read_phrases(path, model) == ("my phone number is", "zero", "ali's")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "1 to 2,000 phrases, one a line, found 0"),
        (" \n\n", "found 0"),
        (b"\xff\xfe", "UTF-8"),
        ("x" * (MAX_FILE_BYTES + 1), f"at most {MAX_FILE_BYTES:,} bytes"),
        ("\n".join(f"zero {n}" for n in range(MAX_PHRASES + 1)), "found 2,001"),
        ("zero " * 41, "at most 200 characters"),
        ("zero\nturn on the warpdrive", "words that vosk-model-starter-en knows, found 'warpdrive'"),
        ("<eps>\n#0\n[unk]", "'#0', '<eps>', '\\[unk\\]'"),
        (" ".join(f"nova{n}" for n in range(25)), "and 5 more"),
    ],
)
def test_an_unusable_list_is_named_with_what_is_wrong(
    tmp_path: Path, model: Path, content: bytes | str, told: str
) -> None:
    with pytest.raises(SettingInvalid, match=told) as caught:
        read_phrases(written(tmp_path, content), model)
    assert "ASR_PIPELINE_RECOGNIZER_PHRASES" in str(caught.value)
    assert "phrases.txt" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path, model: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"none\.txt"):
        read_phrases(tmp_path / "none.txt", model)


@pytest.mark.parametrize("lacking", ["Gr.fst", "HCLr.fst"])
def test_a_model_with_a_fixed_graph_is_refused_and_others_are_named(tmp_path: Path, model: Path, lacking: str) -> None:
    fixed = shutil.copytree(model, tmp_path / "fixed")
    (fixed / "graph" / lacking).unlink()
    with pytest.raises(SetupError, match=rf"graph/{lacking}.*vosk-model-small-en-us-0\.15.*starter"):
        read_phrases(written(tmp_path, "zero"), fixed)


def test_a_list_makes_another_version(model: Path) -> None:
    plain = VoskTranscriber(model)
    digits, less = VoskTranscriber(model, phrases=tuple(DIGITS)), VoskTranscriber(model, phrases=tuple(DIGITS[:9]))
    assert digits.version.version.startswith(f"{plain.version.version} phrases ")
    assert len({one.version for one in (plain, digits, less)}) == 3
    assert pickle.loads(pickle.dumps(digits)) == digits  # noqa: S301 - our own bytes


@pytest.mark.engine
def test_nothing_but_the_phrases_is_heard(
    tmp_path: Path, model: Path, samples: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audio = tmp_path / "phrases-6.flac"
    FFmpegDecoder().decode(samples / "phrases-6.wav", audio)
    span = Span("r", 0, tuple(WebRtcDetector().detect(audio)))

    def heard(*phrases: str) -> list[str]:
        path = written(tmp_path, "\n".join(phrases))
        transcriber = VoskTranscriber(model, phrases=read_phrases(path, model))
        return [utterance.text for utterance in transcriber.transcribe(audio, span)]

    digits = heard(*DIGITS)
    assert digits[0] == "zero eight five two seven eight"
    assert len(" ".join(digits[1:]).split()) <= 1  # of the eighteen words in the sentences before and behind
    assert heard("my phone number is", *DIGITS) == ["my phone number is zero eight five two seven eight"]
    assert len(VoskTranscriber(model).transcribe(audio, span)) == 3
    assert capfd.readouterr().err == ""
