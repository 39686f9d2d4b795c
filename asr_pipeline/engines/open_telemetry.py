"""Traces by OpenTelemetry: the only importer of its SDK, which is an extra and is loaded where traces are asked for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from asr_pipeline.domain.errors import SettingInvalid

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "asr-pipeline"
PREFIX = "asr_pipeline."  # of attributes
SEND_MAX_S = 5  # a receiver that is away holds up the end of a process so long, not longer
FLUSH_MAX_MS = 5000


class OpenTelemetryTracer:
    """A `domain.observing.Tracer` that sends spans in the background. Close it at the end.

    A receiver that is away is no reason to stop work: spans are lost then, and it is logged.
    """

    def __init__(self, endpoint: str, version: str, exporter: "SpanExporter | None" = None) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            raise SettingInvalid(
                "ASR_PIPELINE_TRACES_ENDPOINT",
                expected="the OpenTelemetry SDK, to make traces with",
                found=str(error),
                remedy="Install the extra: `pip install 'asr-pipeline[tracing]'`, or leave the setting out.",
            ) from error
        resource = Resource.create({"service.name": SERVICE, "service.version": version})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        sender = exporter or OTLPSpanExporter(endpoint, timeout=SEND_MAX_S)
        self._provider.add_span_processor(BatchSpanProcessor(sender))
        self._tracer = self._provider.get_tracer(SERVICE, version)

    @contextmanager
    def __call__(self, what: str, fields: Mapping[str, str]) -> Iterator[None]:
        """Make a span, a child of the one around it; an error that ends it is noted in it."""
        with self._tracer.start_as_current_span(what) as span:
            try:
                yield
            finally:
                span.set_attributes({f"{PREFIX}{name}": value for name, value in fields.items()})

    def close(self) -> None:
        """Send what is left."""
        self._provider.force_flush(FLUSH_MAX_MS)
        self._provider.shutdown()
