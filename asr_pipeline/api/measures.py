"""What this process has done, in numbers: requests, uploads, stages of its lane. `/metrics` shows them.

What all processes have done is in the database (`stored_figures`).

A registry of its own: nothing else that uses the library shows up, and two gateways in one process don't mix.
"""

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from asr_pipeline import __version__
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.tally import HIT, MISS

PREFIX = "asr_pipeline"
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
        self._stage_factor = Histogram(
            f"{PREFIX}_stage_real_time_factor",
            "Engine time a second of sound; below 1 is faster than it was spoken.",
            ["stage"],
            buckets=FACTOR_BUCKETS,
            registry=registry,
        )
        self._note_cache = Counter(
            f"{PREFIX}_note_cache_lookups", "Reads of notes, by what was kept of them.", ["result"], registry=registry
        )
        for stage in Stage:  # a rate needs a first value to rise from
            self._stage_seconds.labels(stage.value)
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

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Ignore: the stage is counted once it is done."""

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Count a stage, unless its result was there already."""
        seconds = results.seconds.get(stage)
        if seconds is None:
            return
        self._stage_seconds.labels(stage.value).observe(seconds)
        if results.audio is not None and results.audio.duration_s > 0:
            self._stage_factor.labels(stage.value).observe(seconds / results.audio.duration_s)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Ignore: failures are counted over all processes (`steps.tallying`)."""
