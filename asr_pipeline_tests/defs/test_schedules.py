"""Schedules, evaluated and run as Dagster does: retries, the nightly report, retention."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.instance import add_partitions, open_instance, run_in_process
from asr_pipeline.defs.schedules import retry_failed
from asr_pipeline.domain.errors import EngineFailed
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.tables import recordings
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_pipeline(load_settings()) as opened:
        yield opened


@pytest.fixture
def instance(pipeline: Pipeline) -> Iterator[dg.DagsterInstance]:
    with open_instance(pipeline.layout.dagster_home) as opened:
        yield opened


def process(pipeline: Pipeline, instance: dg.DagsterInstance, *files: Path) -> list[str]:
    ids = [pipeline.register(file).recording_id for file in files]
    add_partitions(instance, ids)
    run_in_process(build_defs().resolve_job_def("process_recordings"), instance, ids)
    return ids


def test_what_failed_transiently_is_tried_again_when_it_is_due(
    pipeline: Pipeline, instance: dg.DagsterInstance, samples: Path
) -> None:
    recording_id = pipeline.register(samples / "phrases-3.wav").recording_id
    add_partitions(instance, [recording_id])
    away = EngineFailed("engine", expected="a result", found="none", remedy="Wait.")
    pipeline.store.save_failure(recording_id, Stage.RAW_AUDIO, away, RunContext("r", "r"))

    context = dg.build_schedule_context(instance)
    assert isinstance(retry_failed(context), dg.SkipReason)
    with writing(pipeline.database) as connection:
        connection.execute(sa.update(recordings).values(failed_at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11)))
    request = retry_failed(context)
    assert isinstance(request, dg.RunRequest)
    finished = (
        build_defs()
        .resolve_job_def("process_recordings")
        .execute_in_process(instance=instance, tags=dict(request.tags), run_config=dict(request.run_config))
    )
    assert finished.success
    assert pipeline.store.rows([recording_id])[0].state is RecordingState.DONE
    assert isinstance(retry_failed(context), dg.SkipReason)


def test_the_report_tells_how_the_house_stands(
    pipeline: Pipeline, instance: dg.DagsterInstance, samples: Path, tmp_path: Path
) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"RIFF no audio at all")
    process(pipeline, instance, samples / "phrases-3.wav", noise)
    assert report_of(instance).keys().isdisjoint({"word_error_rate", "word_error_trend"})
    (done,) = pipeline.store.rows(state=RecordingState.DONE)
    pipeline.references.put(done.recording.recording_id, "Our teacher has a fever; the exam is on March twenty-fifth.")
    told = report_of(instance)
    assert (told["done"], told["quarantined"], told["failed"]) == (1, 1, 0)
    assert 0.5 < float(str(told["mean_confidence"])) <= 1
    assert 0 <= float(str(told["word_error_rate"])) < 0.3
    assert "UnreadableAudio | 1" in str(told["failures"])
    assert all(str(told[trend]).startswith("![") for trend in ("confidence_trend", "word_error_trend"))


def report_of(instance: dg.DagsterInstance) -> dict[str, object]:
    """Run the report, and give what it tells."""
    assert build_defs().resolve_job_def("report").execute_in_process(instance=instance).success
    (record,) = instance.fetch_materializations(dg.AssetKey("nightly_report"), limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def test_originals_go_only_past_retention(
    pipeline: Pipeline,
    instance: dg.DagsterInstance,
    samples: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "memo.wav"
    shutil.copy(samples / "phrases-3.wav", file)
    (recording_id,) = process(pipeline, instance, file)
    original = pipeline.layout.source_of(pipeline.store.recording(recording_id))
    clean = build_defs().resolve_job_def("clean_originals")
    assert clean.execute_in_process(instance=instance).success
    assert original.exists()
    monkeypatch.setenv("ASR_PIPELINE_KEEP_ORIGINALS_DAYS", "0")
    assert clean.execute_in_process(instance=instance).success
    assert not original.exists()
    # what was made from it can still be made anew, from the canonical audio on
    run_in_process(build_defs().resolve_job_def("translate_recordings"), instance, [recording_id])
    assert pipeline.store.rows([recording_id])[0].state is RecordingState.DONE
