"""Vosk, for real: times, order, confidence, and equality with the bare engine."""

import csv
import json
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import ModelMissing
from asr_pipeline.domain.segment import Segment, Span
from asr_pipeline.engines.audio import FFmpegDecoder
from asr_pipeline.engines.canonical_audio import CanonicalAudio
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.engines.voice_activity import WebRtcDetector

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def transcriber(starter_models: Path) -> VoskTranscriber:
    return VoskTranscriber(starter_models / "vosk-model-starter-en")


@pytest.fixture(scope="module")
def decoded(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give the canonical audio of the plain samples, by their text."""
    folder = tmp_path_factory.mktemp("audio")
    with (samples / "samples.tsv").open(encoding="utf-8") as table:
        rows = [row for row in csv.reader(table, delimiter="\t") if row[0].startswith("phrases-")]
    for name, *_ in rows:
        FFmpegDecoder().decode(samples / name, folder / f"{name}.flac")
    return {row[3]: folder / f"{row[0]}.flac" for row in rows}


def words_of_the_bare_engine(model_dir: Path, pcm: bytes) -> Iterator[dict[str, float | str]]:
    import vosk  # noqa: PLC0415 - loads a library of 20 MB

    recognizer = vosk.KaldiRecognizer(vosk.Model(str(model_dir)), 16_000)
    recognizer.SetWords(True)  # noqa: FBT003 - the bindings take it by position
    for start in range(0, len(pcm), 8000):
        if recognizer.AcceptWaveform(pcm[start : start + 8000]):
            yield from json.loads(recognizer.Result()).get("result", [])
    yield from json.loads(recognizer.FinalResult()).get("result", [])


def test_words_and_times_are_those_of_the_bare_engine_on_the_same_cuts(
    transcriber: VoskTranscriber, decoded: dict[str, Path]
) -> None:
    right = total = 0
    for text, audio in decoded.items():
        segments = WebRtcDetector().detect(audio)
        utterances = transcriber.transcribe(audio, Span("r", 0, tuple(segments)))
        ours = [word for utterance in utterances for word in utterance.words]
        bare = []
        with CanonicalAudio(audio) as source:
            for segment in segments:
                pcm = source.read_pcm(segment.start_s, segment.end_s, 0)
                bare += [
                    (word["word"], float(word["start"]) + segment.start_s)
                    for word in words_of_the_bare_engine(transcriber.model_dir, pcm)
                ]
        assert [word.text for word in ours] == [word for word, _ in bare]
        assert [word.start_s for word in ours] == pytest.approx([start_s for _, start_s in bare], abs=0.002)
        right += sum(word in text.split() for word in (w.text for w in ours))
        total += len(text.split())
    assert right / total > 0.95


def test_words_lie_in_order_inside_their_segment(transcriber: VoskTranscriber, decoded: dict[str, Path]) -> None:
    for audio in decoded.values():
        for segment in WebRtcDetector().detect(audio):
            for utterance in transcriber.transcribe(audio, Span("r", 0, (segment,))):
                times = [time for word in utterance.words for time in (word.start_s, word.end_s)]
                assert times == sorted(times)
                assert segment.start_s <= times[0]
                assert times[-1] <= segment.end_s
                assert all(0 <= word.confidence <= 1 for word in utterance.words)


def test_threads_share_a_model_and_give_what_one_gives(transcriber: VoskTranscriber, decoded: dict[str, Path]) -> None:
    spans = [(audio, Span("r", 0, tuple(WebRtcDetector().detect(audio)))) for audio in decoded.values()]
    alone = [transcriber.transcribe(audio, span) for audio, span in spans]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(lambda work: transcriber.transcribe(*work), spans))
    assert together == alone


def test_silence_gives_no_utterance(transcriber: VoskTranscriber, tmp_path: Path) -> None:
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415

    soundfile.write(tmp_path / "silence.flac", np.zeros(32_000, np.int16), 16_000)
    assert transcriber.transcribe(tmp_path / "silence.flac", Span("r", 0, (Segment(0, 0, 0.0, 2.0),))) == []


def test_it_crosses_processes_without_its_model(transcriber: VoskTranscriber) -> None:
    assert len(pickle.dumps(transcriber)) < 1000
    assert pickle.loads(pickle.dumps(transcriber)) == transcriber  # noqa: S301 - our own bytes


def test_its_version_is_the_models_content(transcriber: VoskTranscriber) -> None:
    version = transcriber.version
    assert version.engine.startswith("vosk 0.3")
    assert version.model == "vosk-model-starter-en"
    assert len(version.version) == 12


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=str(tmp_path)):
        VoskTranscriber(tmp_path).preload()
