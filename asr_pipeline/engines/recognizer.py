"""Vosk: the only importer of libvosk's bindings."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as installed_version
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from asr_pipeline.domain.audio import SAMPLE_RATE_HZ, SAMPLE_WIDTH_BYTES
from asr_pipeline.domain.errors import EngineFailed, ModelMissing
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import NOT_UNDERSTOOD, Utterance, Word
from asr_pipeline.engines.audio import CanonicalAudio
from asr_pipeline.engines.phrase_list import UNKNOWN_WORD
from asr_pipeline.ports import EngineVersion

# A quarter of a second: small enough for the recognizer to end utterances at pauses, large enough to cost nothing.
DEFAULT_CHUNK_BYTES = SAMPLE_RATE_HZ * SAMPLE_WIDTH_BYTES // 4
_load_lock = threading.Lock()

# Of a model's files, for its fingerprint.
WHOLE_UP_TO_BYTES = 64 * 2**20
SAMPLES_OF_A_FILE, SAMPLE_BYTES = 256, 64 * 1024


@dataclass(frozen=True, slots=True)
class VoskTranscriber:
    """Implements `ports.Transcriber`. `model_dir` is a usable Vosk model.

    With `phrases` (`engines.phrase_list`) nothing but these is recognised; other speech gives no word.
    """

    model_dir: Path
    chunk_bytes: int = DEFAULT_CHUNK_BYTES
    phrases: tuple[str, ...] = ()

    @property
    def version(self) -> EngineVersion:
        """Name libvosk's version, the model folder's name, and hashes of what is in the model and of the phrases."""
        phrases = hashlib.sha256("\n".join(self.phrases).encode()).hexdigest()[:12]
        return EngineVersion(
            engine=f"vosk {installed_version('vosk')}",
            model=self.model_dir.name,
            version=_fingerprint(self.model_dir) + (f" phrases {phrases}" if self.phrases else ""),
        )

    def preload(self) -> None:
        """Load the model now, once a process. Raises ModelMissing."""
        load_model(self.model_dir)

    def transcribe(self, audio: Path | BinaryIO, span: Span) -> list[Utterance]:
        """Recognise each segment with a recognizer of its own: a result depends on its segment alone."""
        model = load_model(self.model_dir)
        utterances = []
        with CanonicalAudio(audio) as source:
            for segment in span.segments:
                pcm = source.read_pcm(segment.start_s, segment.end_s, segment.channel)
                for result in _recognise(model, pcm, self.chunk_bytes, self.phrases):
                    words = words_of(result, offset_s=segment.start_s, limit_s=segment.end_s)
                    if words:
                        utterances.append(Utterance(index=0, channel=segment.channel, words=words))
        return utterances


def load_model(model_dir: Path) -> Any:  # noqa: ANN401 - libvosk's bindings carry no types
    """Give the loaded model, loading it at most once a process, whichever thread comes first."""
    with _load_lock:
        return _load(model_dir)


@lru_cache(maxsize=4)
def _load(model_dir: Path) -> Any:  # noqa: ANN401
    import vosk  # noqa: PLC0415 - loads a 20 MB library; only those who recognise pay for it

    vosk.SetLogLevel(-1)
    try:
        return vosk.Model(str(model_dir))
    except Exception as error:  # the bindings raise bare Exception
        raise ModelMissing(
            str(model_dir),
            expected="a Vosk model that libvosk can load",
            found=str(error),
            remedy="Fetch it anew with `asr-pipeline models pull`, or set ASR_PIPELINE_VOSK_MODEL to another.",
        ) from error


@lru_cache(maxsize=4)
def _fingerprint(model_dir: Path) -> str:
    """First 12 hex digits of a SHA-256 over the model's files: names, sizes, and the bytes of the small ones.

    The acoustic model's bytes are read too; a language model of gigabytes counts by its size and by samples of its
    bytes, so that the same model has the same fingerprint on every machine.
    """
    digest = hashlib.sha256()
    for file in sorted(path for path in model_dir.rglob("*") if path.is_file()):
        size_bytes = file.stat().st_size
        digest.update(f"{file.relative_to(model_dir)}\0{size_bytes}\0".encode())
        with file.open("rb") as content:
            if size_bytes <= WHOLE_UP_TO_BYTES:
                digest.update(content.read())
            else:
                for number in range(SAMPLES_OF_A_FILE):
                    content.seek(number * (size_bytes - SAMPLE_BYTES) // (SAMPLES_OF_A_FILE - 1))
                    digest.update(content.read(SAMPLE_BYTES))
    return digest.hexdigest()[:12]


def recognizer_over(model: Any, phrases: tuple[str, ...], sample_rate_hz: int) -> Any:  # noqa: ANN401
    """Make a recognizer that gives words with times; of phrases, if there are some, and nothing else."""
    import vosk  # noqa: PLC0415

    grammar = [json.dumps([*phrases, UNKNOWN_WORD])] if phrases else []
    recognizer = vosk.KaldiRecognizer(model, sample_rate_hz, *grammar)
    recognizer.SetWords(True)  # noqa: FBT003 - the bindings take it by position
    return recognizer


def accept(recognizer: Any, pcm: bytes) -> bool:  # noqa: ANN401
    """Give a recognizer the next samples; True where an utterance has ended. Raises EngineFailed."""
    try:
        return bool(recognizer.AcceptWaveform(pcm))
    except Exception as error:  # the bindings raise bare Exception
        raise EngineFailed(
            "vosk",
            expected="recognition to go on",
            found=str(error),
            remedy="Try again; if it repeats, check the model with `asr-pipeline doctor`.",
        ) from error


def heard(result: str, phrases: tuple[str, ...]) -> dict[str, Any]:
    """Read a result. Words that the model does not know become one `NOT_UNDERSTOOD` between those that it knows.

    They are left out with phrases, which are all that is asked for, and where there is nothing else: noise, mostly.
    """
    found: dict[str, Any] = json.loads(result)
    words = found.get("result", [])
    known = [word for word in words if not _is_unknown(word)]
    if known and not phrases:
        runs = groupby(words, key=_is_unknown)
        known = [word for unknown, run in runs for word in ([_not_understood(list(run))] if unknown else run)]
    return found | {"result": known}


def heard_so_far(result: str) -> str:
    """Read the text of a partial result, without words that the model does not know."""
    text: str = json.loads(result).get("partial", "")
    return " ".join(word for word in text.split() if word != UNKNOWN_WORD)


def _is_unknown(word: Mapping[str, Any]) -> bool:
    return bool(word["word"] == UNKNOWN_WORD)


def _not_understood(run: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"word": NOT_UNDERSTOOD, "start": run[0]["start"], "end": run[-1]["end"], "conf": 0.0}


def _recognise(model: Any, pcm: bytes, chunk_bytes: int, phrases: tuple[str, ...]) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    recognizer = recognizer_over(model, phrases, SAMPLE_RATE_HZ)
    for start in range(0, len(pcm), chunk_bytes):
        if accept(recognizer, pcm[start : start + chunk_bytes]):
            yield heard(recognizer.Result(), phrases)
    yield heard(recognizer.FinalResult(), phrases)


def words_of(result: dict[str, Any], *, offset_s: float, limit_s: float) -> tuple[Word, ...]:
    """Move a result's words to the recording's time; rounding at a segment's end must not lead past it."""
    return tuple(
        Word(
            text=word["word"],
            start_s=round(min(offset_s + word["start"], limit_s), 3),
            end_s=round(min(offset_s + word["end"], limit_s), 3),
            confidence=min(1.0, max(0.0, word["conf"])),
        )
        for word in result.get("result", ())
    )
