"""What this process has done, in numbers: requests, uploads, stages, failures, hits. `/metrics` shows them.

A registry of its own: nothing else that uses the library shows up, and two gateways in one process don't mix.
"""

import platform
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from asr_pipeline import __version__
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import EngineVersion, TranslationMemory

PREFIX = "asr_pipeline"
HIT, MISS = "hit", "miss"
REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600)
STAGE_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
FACTOR_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)


class Measures:
    """Counters, one set a gateway. May be shared by threads. Hears of the lane's work as a `ports.FlowListener`."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            f"{PREFIX}_http_requests",
            "Requests that were answered; status is none where the caller left before.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            f"{PREFIX}_http_request_seconds",
            "From a request's head to the end of its answer.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS_S,
            registry=registry,
        )
        self.requests_in_progress = Gauge(
            f"{PREFIX}_http_requests_in_progress", "Requests that are being answered.", registry=registry
        )
        self._uploads = Counter(
            f"{PREFIX}_uploads", "Uploads that came whole and were taken, by answer.", ["status"], registry=registry
        )
        self._upload_bytes = Counter(f"{PREFIX}_upload_bytes", "Bytes of these uploads.", registry=registry)
        self._stage_seconds = Histogram(
            f"{PREFIX}_stage_seconds",
            "Engine time that a recording took in a stage.",
            ["stage"],
            buckets=STAGE_BUCKETS_S,
            registry=registry,
        )
        self._stage_audio_seconds = Counter(
            f"{PREFIX}_stage_audio_seconds", "Length of the recordings that a stage did.", ["stage"], registry=registry
        )
        self._stage_factor = Histogram(
            f"{PREFIX}_stage_real_time_factor",
            "Engine time a second of sound; below 1 is faster than it was spoken.",
            ["stage"],
            buckets=FACTOR_BUCKETS,
            registry=registry,
        )
        self._failures = Counter(
            f"{PREFIX}_failures", "Recordings that stopped at a stage, by kind.", ["stage", "kind"], registry=registry
        )
        self._memory = Counter(
            f"{PREFIX}_translation_memory_lookups",
            "Sentences that were looked for in the translation memory.",
            ["result"],
            registry=registry,
        )
        self._note_cache = Counter(
            f"{PREFIX}_note_cache_lookups", "Reads of notes, by what was kept of them.", ["result"], registry=registry
        )
        for stage in Stage:  # a rate needs a first value to rise from
            self._stage_seconds.labels(stage.value)
            self._stage_audio_seconds.labels(stage.value)
            self._stage_factor.labels(stage.value)
        build = Info(f"{PREFIX}_build", "What runs here.", registry=registry)
        build.info({"version": __version__, "python": platform.python_version()})
        ProcessCollector(registry=registry)

    def uploaded(self, status: int, size_bytes: int) -> None:
        """Count an upload."""
        self._uploads.labels(str(status)).inc()
        self._upload_bytes.inc(size_bytes)

    def note_read(self, *, was_kept: bool) -> None:
        """Count a read of a note."""
        self._note_cache.labels(HIT if was_kept else MISS).inc()

    def recalled(self, *, hits: int, misses: int) -> None:
        """Count sentences that were looked for in the translation memory."""
        self._memory.labels(HIT).inc(hits)
        self._memory.labels(MISS).inc(misses)

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Ignore: the stage is counted once it is done."""

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Count a stage, unless its result was there already."""
        seconds = results.seconds.get(stage)
        if seconds is None:
            return
        self._stage_seconds.labels(stage.value).observe(seconds)
        if results.audio is not None and results.audio.duration_s > 0:
            self._stage_audio_seconds.labels(stage.value).inc(results.audio.duration_s)
            self._stage_factor.labels(stage.value).observe(seconds / results.audio.duration_s)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:  # noqa: ARG002 - its protocol
        """Count a failure."""
        self._failures.labels(stage.value, type(error).__name__).inc()


class CountedMemory:
    """A translation memory whose hits are counted."""

    def __init__(self, memory: TranslationMemory, measures: Measures) -> None:
        self._memory = memory
        self._measures = measures

    def recall(self, sentences: Sequence[str], source: str, target: str, version: EngineVersion) -> dict[str, str]:
        """Give what is known of these sentences."""
        known = self._memory.recall(sentences, source, target, version)
        self._measures.recalled(hits=len(known), misses=len(set(sentences)) - len(known))
        return known

    def remember(self, pairs: Mapping[str, str], source: str, target: str, version: EngineVersion) -> None:
        """Keep translations."""
        self._memory.remember(pairs, source, target, version)
