"""Traces: real OTLP over HTTP to a receiver of this machine; off, and not even imported, unless asked for."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from asr_pipeline.api.gateway import open_gateway
from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.stage import Stage
from asr_pipeline.engines.open_telemetry import OpenTelemetryTracer
from asr_pipeline.settings import load_settings
from asr_pipeline_tests.api.serving import served
from asr_pipeline_tests.http_server import QuietHandler, listening

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@dataclass
class Receiver:
    """What came, by the name of the span."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def inside(self, outer: Span) -> list[Span]:
        return [span for span in self.spans if span.parent_span_id == outer.span_id]


def fields(span: Span) -> dict[str, str]:
    return {one.key.removeprefix("asr_pipeline."): one.value.string_value for one in span.attributes}


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Take traces until the end of the block."""
    taken = Receiver()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in request.resource_spans:
                taken.spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

    with listening(Handler) as url:
        taken.url = f"{url}/v1/traces"
        yield taken


def process(data_dir: Path, *files: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "asr_pipeline", "process", *map(str, files)],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_run_is_traced_down_to_its_engine_calls(tmp_path: Path, samples: Path) -> None:
    corrupt = tmp_path / "corrupt.wav"
    corrupt.write_bytes(b"no sound")
    with receiver() as taken:
        done = process(tmp_path / "data", samples / "phrases-1.wav", corrupt, ASR_PIPELINE_TRACES_ENDPOINT=taken.url)
    assert done.returncode == 1, done.stderr
    (run,) = taken.named("run")
    recordings = taken.named("recording")
    assert {fields(one)["recording_id"].partition("-")[0] for one in recordings} == {"phrases", "corrupt"}
    assert {one.parent_span_id for one in recordings} == {run.span_id}
    assert len({span.trace_id for span in taken.spans}) == 1
    for recording in recordings:
        is_corrupt = fields(recording)["recording_id"].startswith("corrupt")
        stages = taken.inside(recording)
        assert [fields(one)["stage"] for one in stages] == list(Stage)[: 1 if is_corrupt else None]
        assert (stages[-1].status.code == Status.STATUS_CODE_ERROR) == is_corrupt
        calls = [call for one in stages for call in taken.inside(one) if call.name == "engine call"]
        assert {"raw_audio"} <= {fields(call)["call"] for call in calls}
    assert "translation into fa" in {fields(call)["call"] for call in taken.named("engine call")}


def test_a_request_is_traced_by_its_route(tmp_path: Path) -> None:
    with receiver() as taken:
        settings = load_settings(data_dir=tmp_path / "data", traces_endpoint=taken.url)
        with open_gateway(settings) as gateway, served(gateway) as client:
            client.get("/recordings/none", headers={"X-Request-ID": "mine"})
    asked = [fields(one) for one in taken.named("request") if fields(one)["request_id"] == "mine"]
    assert [(one["method"], one["status"]) for one in asked] == [("GET", "404")]
    assert asked[0]["route"] == "/recordings/{recording_id}"


@pytest.mark.fault
def test_a_receiver_that_is_away_costs_no_work(tmp_path: Path, samples: Path) -> None:
    endpoint = "http://127.0.0.1:1/v1/traces"
    done = process(tmp_path / "data", samples / "phrases-1.wav", ASR_PIPELINE_TRACES_ENDPOINT=endpoint)
    assert done.returncode == 0, done.stderr


def test_it_is_not_imported_unless_asked_for(tmp_path: Path) -> None:
    program = """
import sys
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline
with open_pipeline(load_settings()):
    assert not [name for name in sys.modules if name.startswith("opentelemetry.sdk")]
"""
    environment = os.environ | {"ASR_PIPELINE_DATA_DIR": str(tmp_path / "data")}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=300)


@pytest.mark.fault
def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry.sdk")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk", None)
    monkeypatch.delitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", raising=False)
    with pytest.raises(SettingInvalid, match=r"asr-pipeline\[tracing\]"):
        OpenTelemetryTracer("http://127.0.0.1:1/v1/traces", "1")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "ftp://a", "http://user:secret@host/v1/traces", "http://"])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingInvalid, match="TRACES_ENDPOINT"):
        load_settings(traces_endpoint=endpoint)
