"""Settings -> a cluster that recognises speech, where the settings ask for one."""

import hashlib
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.settings import Settings
from asr_pipeline.storage.shared_audio import SharedAudio
from asr_pipeline.wiring.cluster_worker import Recogniser, recognise

if TYPE_CHECKING:
    from asr_pipeline.engines.cluster.calls import Calls
    from asr_pipeline.engines.cluster.places import Place
    from asr_pipeline.engines.cluster.preload import Preload
    from asr_pipeline.engines.cluster.setup import Tls

SPANS_IN_FLIGHT_PER_THREAD = 2  # as for threads of this process
SCHEME = "dask://"


class SpanCluster:
    """`ports.Cluster`: each worker has the model loaded, reads shared audio, and gives back text alone.

    Spans carry times, no sound. Close it at the end.
    """

    def __init__(self, calls: "Calls", transcriber: VoskTranscriber, shared_audio: str | None) -> None:
        self._calls = calls
        self._transcriber = transcriber
        self._shared_audio = shared_audio

    @property
    def spans_in_flight(self) -> int:
        """Two a thread of the workers there are now."""
        return SPANS_IN_FLIGHT_PER_THREAD * max(1, self._calls.threads)

    def share(self, recording_id: str, audio: Path) -> None:
        """Copy audio to the shared address; without one it lies in the data folder, which is shared."""
        if self._shared_audio is not None:
            SharedAudio(self._shared_audio).put(recording_id, audio)

    def withdraw(self, recording_id: str) -> None:
        """Remove the copy."""
        if self._shared_audio is not None:
            SharedAudio(self._shared_audio).remove(recording_id)

    def recognise(self, span: Span, *, limit_s: float, priority: float) -> "Future[tuple[list[Utterance], float]]":
        """Have a worker recognise a span."""
        recogniser = recogniser_of(self._transcriber)
        return self._calls.submit(recognise, recogniser, span, self._shared_audio, limit_s, priority=priority)

    def connect(self) -> None:
        """Connect now, and have the workers load the model. Raises ModelMissing, EngineFailed."""
        self._calls.connect()

    def close(self) -> None:
        """Disconnect, and end workers that were started here."""
        self._calls.close()


def recogniser_of(transcriber: VoskTranscriber) -> Recogniser:
    """Say what a transcriber recognises with."""
    return Recogniser(transcriber.version, transcriber.chunk_bytes, transcriber.phrases)


def build_cluster(settings: Settings, transcriber: VoskTranscriber) -> SpanCluster | None:
    """Make the cluster that the settings ask for; nothing is started or connected yet. None for threads.

    Raises SetupError where Dask is not installed.
    """
    if settings.executor == "threads":
        return None
    try:
        from asr_pipeline.engines.cluster.calls import Calls  # noqa: PLC0415 - an extra, and slow to load
        from asr_pipeline.engines.cluster.setup import set_defaults  # noqa: PLC0415
    except ImportError as error:
        raise not_installed(error) from error
    set_defaults(wait_s=settings.cluster_wait_s, task_s=settings.cluster_span_s)
    calls = Calls(_place(settings, transcriber), lambda: _preload(transcriber), wait_s=settings.cluster_wait_s)
    return SpanCluster(calls, transcriber, settings.shared_audio)


def not_installed(error: ImportError) -> SetupError:
    """Give the error of an installation without Dask."""
    return SetupError(
        "ASR_PIPELINE_EXECUTOR",
        expected="Dask, for a cluster",
        found=f"an installation without it ({error})",
        remedy="`pip install 'asr-pipeline[cluster]'`, or set it to threads.",
    )


def tls_of(settings: Settings) -> "Tls | None":
    """Give the files that TLS needs, None where it is not set. Raises SettingInvalid where one can't be read."""
    from asr_pipeline.engines.cluster.setup import Tls  # noqa: PLC0415

    files = {"CA": settings.cluster_ca, "CERT": settings.cluster_cert, "KEY": settings.cluster_key}
    for name, path in files.items():
        if path is None:
            return None
        try:
            path.read_bytes()
        except OSError as error:
            raise SettingInvalid(
                f"ASR_PIPELINE_CLUSTER_{name}",
                expected="a PEM file that this process may read",
                found=f"{path} ({error.strerror})",
                remedy="Set it to such a file, or none of the three for a cluster without TLS.",
            ) from error
    assert settings.cluster_ca and settings.cluster_cert and settings.cluster_key  # noqa: S101, PT018 - for mypy
    return Tls(settings.cluster_ca, settings.cluster_cert, settings.cluster_key)


def _place(settings: Settings, transcriber: VoskTranscriber) -> "Place":
    from asr_pipeline.engines.cluster.places import Local, Remote  # noqa: PLC0415
    from asr_pipeline.engines.cluster.scaling import Scaling  # noqa: PLC0415

    if settings.executor != "dask":
        return Remote(settings.executor.removeprefix(SCHEME), tls_of(settings))
    least = settings.cluster_workers_min
    scaling = Scaling(
        least=least,
        most=max(least, settings.cluster_workers_max or settings.workers),
        backlog_s=settings.cluster_backlog_s,
        backlog_calls=settings.cluster_backlog_spans,
        cpu_percent_max=settings.cluster_cpu_percent_max,
        shrink_s=settings.cluster_shrink_s,
    )
    here = {
        "ASR_PIPELINE_DATA_DIR": str(settings.data_dir),
        "ASR_PIPELINE_VOSK_MODEL": str(transcriber.model_dir),
    }
    return Local(scaling, here)


def _preload(transcriber: VoskTranscriber) -> "Preload":
    from asr_pipeline.engines.cluster.preload import Preload  # noqa: PLC0415

    recogniser = recogniser_of(transcriber)
    name = hashlib.sha256(repr(recogniser).encode()).hexdigest()[:12]
    return Preload(f"asr-pipeline-{name}", recogniser.prepare)
