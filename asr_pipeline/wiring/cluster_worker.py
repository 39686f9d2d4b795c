"""What a cluster's worker does: it recognises a span with its own copy of the model, and refuses with another.

Runs in the worker's process: settings are those of its environment.
"""

import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeVar

from asr_pipeline import __version__
from asr_pipeline.domain.errors import EngineStuck, ModelMissing, SetupError
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.stage import CODE_VERSIONS, Stage
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.ports import EngineVersion
from asr_pipeline.settings import load_settings
from asr_pipeline.steps.threads import DaemonThreads
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.models import ModelStore, starter_dir
from asr_pipeline.storage.shared_audio import SharedAudio, unreachable

T = TypeVar("T")
CODE = f"{__version__} ({CODE_VERSIONS[Stage.TRANSCRIPTS]})"
_preparing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Recogniser:
    """What recognises in a run: every worker must have just this, or the results would not say what made them."""

    version: EngineVersion
    chunk_bytes: int
    phrases: tuple[str, ...]
    code: str = CODE

    def prepare(self) -> None:
        """Load the model, once a process. Raises ModelMissing, SetupError."""
        self.here().preload()

    def here(self) -> VoskTranscriber:
        """Give the same on this machine. Raises ModelMissing, SetupError."""
        with _preparing:
            return _here(self)


def recognise(
    recogniser: Recogniser, span: Span, shared_audio: str | None, limit_s: float
) -> tuple[list[Utterance], float]:
    """Recognise a span; give its utterances, and the seconds it took.

    Raises EngineStuck after `limit_s`, what stopped the recogniser, and TransientFailure where audio can't be read.
    """
    transcriber = recogniser.here()
    transcriber.preload()
    return _within(limit_s, span.recording_id, lambda: _recognise(transcriber, span, shared_audio))


def _recognise(transcriber: VoskTranscriber, span: Span, shared_audio: str | None) -> tuple[list[Utterance], float]:
    started_s = time.perf_counter()
    with _audio(span.recording_id, shared_audio) as audio:
        return transcriber.transcribe(audio, span), time.perf_counter() - started_s


@contextmanager
def _audio(recording_id: str, shared_audio: str | None) -> Iterator[Path | BinaryIO]:
    if shared_audio is not None:
        with SharedAudio(shared_audio).open(recording_id) as file:
            yield file
        return
    path = Layout(load_settings().data_dir).audio_of(recording_id)
    if not path.is_file():
        raise unreachable(str(path), f"no such file at the worker {socket.gethostname()}")
    yield path


@lru_cache(maxsize=4)
def _here(wanted: Recogniser) -> VoskTranscriber:
    if wanted.code != CODE:
        raise SetupError(
            f"The worker {socket.gethostname()}",
            expected=f"asr-pipeline {wanted.code}, as the run has",
            found=CODE,
            remedy="Install the same version on every machine.",
        )
    settings = load_settings()
    models = ModelStore(Layout(settings.data_dir).models, starter_dir())
    folder = models.resolve_vosk(settings.vosk_model or wanted.version.model)
    here = VoskTranscriber(folder, wanted.chunk_bytes, wanted.phrases)
    if here.version != wanted.version:
        raise ModelMissing(
            f"The worker {socket.gethostname()}",
            expected=f"what the run recognises with: {_named(wanted.version)}",
            found=f"{_named(here.version)} in {folder}",
            remedy="Put the run's model into models/ in the worker's data folder, or set its ASR_PIPELINE_VOSK_MODEL.",
        )
    return here


def _named(version: EngineVersion) -> str:
    return f"{version.engine}, {version.model} {version.version}"


def _within(limit_s: float, subject: str, do: Callable[[], T]) -> T:
    """Make a call in a thread of its own, which is given up where it takes too long: it can't be stopped."""
    thread = DaemonThreads(1, "span")
    future: Future[T] = thread.submit(_freeing_memory, do)
    try:
        return future.result(timeout=limit_s)
    except TimeoutError:
        if future.done():
            raise
        future.cancel()
        raise EngineStuck(
            subject,
            expected=f"a result within {limit_s:,.0f} s of a worker's time",
            found="none by then",
            remedy="It is made once more, alone.",
        ) from None
    finally:
        thread.shutdown(wait=False)


def _freeing_memory(do: Callable[[], T]) -> T:
    try:
        return do()
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)  # or what it has taken stays taken as long as the error is known
        raise
