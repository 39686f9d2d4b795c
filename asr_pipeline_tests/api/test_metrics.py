"""What /metrics tells, as Prometheus reads it: real requests, uploads and runs, and labels that no caller adds to."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event

from asr_pipeline.api import stored_figures
from asr_pipeline.api.app import create_app
from asr_pipeline.api.gateway import Gateway
from asr_pipeline.api.measures import Measures
from asr_pipeline.api.stored_figures import StoredFigures
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.database import open_database, sqlite_url, upgrade
from asr_pipeline_tests.api.serving import upload
from asr_pipeline_tests.fakes import recording

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(client: httpx.Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return read(answer.text)


def read(text: str) -> Samples:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation for family in families)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


def label_values(samples: Samples, name: str, label: str) -> set[str]:
    return {dict(labels)[label] for (found, labels) in samples if found == name}


def test_requests_are_counted_by_template_and_status(client: httpx.Client, done_id: str) -> None:
    before = scraped(client)
    client.get(f"/recordings/{done_id}")
    client.get("/recordings/none")
    after = scraped(client)
    for status in ("200", "404"):
        labels = {"method": "GET", "route": "/recordings/{recording_id}", "status": status}
        assert value(after, "asr_pipeline_http_requests_total", **labels) == 1 + value(
            before, "asr_pipeline_http_requests_total", **labels
        )
    route = {"method": "GET", "route": "/recordings/{recording_id}"}
    assert value(after, "asr_pipeline_http_request_seconds_count", **route) == 2 + value(
        before, "asr_pipeline_http_request_seconds_count", **route
    )
    assert value(after, "asr_pipeline_http_requests_in_progress") == 1  # the scrape itself


def test_callers_can_add_no_labels(client: httpx.Client) -> None:
    for number in range(20):
        client.get(f"/nothing/{number}")
        client.get(f"/recordings/{number}")
        client.request(f"VERB{number}", "/recordings/")
    samples = scraped(client)
    routes = label_values(samples, "asr_pipeline_http_requests_total", "route")
    assert "unmatched" in routes
    assert not [route for route in routes if any(character.isdigit() for character in route.replace("/v1/", "/"))]
    assert label_values(samples, "asr_pipeline_http_requests_total", "method") <= {
        "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "other",
    }  # fmt: skip


def test_uploads_and_stages_are_counted(client: httpx.Client, done_id: str, samples: Path) -> None:
    before = scraped(client)
    file = samples / "phrases-1.wav"
    assert upload(client, file).status_code == 200
    after = scraped(client)
    assert done_id
    assert value(before, "asr_pipeline_uploads_total", status="202") >= 1
    assert value(after, "asr_pipeline_uploads_total", status="200") == 1 + value(
        before, "asr_pipeline_uploads_total", status="200"
    )
    grown = value(after, "asr_pipeline_upload_bytes_total") - value(before, "asr_pipeline_upload_bytes_total")
    assert grown == file.stat().st_size
    for stage in Stage:
        assert value(after, "asr_pipeline_stage_seconds_count", stage=stage.value) >= 1
        assert value(after, "asr_pipeline_stage_recordings_total", stage=stage.value) >= 1
        assert value(after, "asr_pipeline_stage_audio_seconds_total", stage=stage.value) > 1
        assert value(after, "asr_pipeline_stage_engine_seconds_total", stage=stage.value) > 0
        assert value(after, "asr_pipeline_stage_real_time_factor_count", stage=stage.value) >= 1
        assert value(after, "asr_pipeline_stage_seconds_sum", stage=stage.value) > 0
    assert value(after, "asr_pipeline_translation_memory_lookups_total", result="miss") >= 1


def test_kept_notes_are_hits(client: httpx.Client) -> None:
    note_id = client.post("/api/v1/notes/", json={"title": "t", "original_text": "Hello."}).json()["id"]
    before = scraped(client)
    for _ in range(3):
        client.get(f"/api/v1/notes/{note_id}/")
    after = scraped(client)
    name = "asr_pipeline_note_cache_lookups_total"
    assert [value(after, name, result=one) - value(before, name, result=one) for one in ("miss", "hit")] == [1, 2]


def test_the_process_and_what_is_stored_are_told(client: httpx.Client, done_id: str) -> None:
    found = scraped(client)
    assert done_id
    assert value(found, "asr_pipeline_database_up") == value(found, "asr_pipeline_dagster_up") == 1
    assert value(found, "asr_pipeline_runs", status="success") >= 1
    assert value(found, "asr_pipeline_run_peak_memory_bytes") > 10_000_000
    assert 0 < value(found, "asr_pipeline_data_disk_free_bytes") <= value(found, "asr_pipeline_data_disk_size_bytes")
    assert value(found, "asr_pipeline_arrivals", outcome="accepted") >= 1
    assert label_values(found, "asr_pipeline_queue_length", "stage") == {stage.value for stage in Stage}
    assert value(found, "asr_pipeline_queue_oldest_age_seconds", stage="raw_audio") >= 0
    assert label_values(found, "asr_pipeline_recordings", "state") >= {"done", "failed", "quarantined"}
    assert value(found, "process_resident_memory_bytes") > 10_000_000
    assert value(found, "process_cpu_seconds_total") > 0
    assert [labels for name, labels in found if name == "asr_pipeline_build_info"]


def test_what_is_stored_is_looked_up_again_after_some_seconds_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_figures, "TIMES_ITS_COST", 0)
    engine = open_database(sqlite_url(tmp_path / "test.db"))
    upgrade(engine)
    looks: list[str] = []
    event.listen(engine, "begin", lambda _: looks.append("look"))
    with open_instance(tmp_path / "dagster") as instance:
        for kept_s, count in ((60, 2), (0, 6)):  # two look-ups a look: what waits, and totals
            looks.clear()
            figures = StoredFigures(engine, instance, tmp_path, kept_s)
            for _ in range(3):
                assert len(list(figures.collect())) > 1
            assert len(looks) == count
    engine.dispose()


def test_without_its_database_the_rest_is_told(gateway: Gateway) -> None:
    away = open_database("postgresql://nobody@127.0.0.1:1/nothing")
    app = create_app(gateway)  # who asks is known from the database that is there
    app.state.gateway = replace(gateway, pipeline=replace(gateway.pipeline, database=away))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return await client.get("/metrics")

    found = read(asyncio.run(ask()).text)
    assert value(found, "asr_pipeline_database_up") == 0
    assert value(found, "asr_pipeline_dagster_up") == 1
    assert value(found, "process_resident_memory_bytes") > 0
    assert not [name for name, _ in found if name == "asr_pipeline_queue_length"]


def test_a_fault_is_counted_as_500(gateway: Gateway) -> None:
    measures = Measures()
    app = create_app(replace(gateway, measures=measures))

    @app.get("/raises")
    def raises() -> None:
        raise ZeroDivisionError

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            await client.get("/raises")
            return await client.get("/metrics")

    found = read(asyncio.run(ask()).text)
    assert value(found, "asr_pipeline_http_requests_total", method="GET", route="/raises", status="500") == 1


def test_results_that_were_there_are_not_counted() -> None:
    measures = Measures()
    measures.stage_done(Stage.SEGMENTS, RecordingResults(recording("a")))
    assert measures.registry.get_sample_value("asr_pipeline_stage_seconds_count", {"stage": "segments"}) == 0
