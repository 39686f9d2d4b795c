"""The inbox sensor, evaluated by hand on a real instance, with real files, databases and engines."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs import sensors
from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, open_instance
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring import Intake, open_intake

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@dataclass
class House:
    """An installation in a folder of its own, whose sensor is asked by hand."""

    intake: Intake
    instance: dg.DagsterInstance
    cursor: str | None = None

    @property
    def inbox(self) -> Path:
        return self.intake.inbox.folder

    def tick(self) -> dg.SensorResult:
        """Evaluate the sensor once, and go on from its cursor."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = sensors.inbox(context)
        if isinstance(result, dg.SkipReason):
            return dg.SensorResult(skip_reason=result)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def launch(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Do what the daemon does with a request, in this process."""
        job = build_defs().resolve_job_def("process_recordings")
        tags = {**request.tags, "dagster/run_key": request.run_key or ""}
        return job.execute_in_process(
            instance=self.instance, run_config=request.run_config, tags=tags, raise_on_error=False
        ).dagster_run

    def queue(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Put a request into the queue, where it stays."""
        return self.instance.create_run_for_job(
            build_defs().resolve_job_def("process_recordings"),
            run_config=request.run_config,
            tags=request.tags,
            status=dg.DagsterRunStatus.QUEUED,
        )


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_intake(load_settings()) as intake, open_instance(intake.layout.dagster_home) as instance:
        yield House(intake, instance)


def test_a_dropped_file_becomes_persian_in_the_database(house: House, samples: Path) -> None:
    name = "مصاحبه 1.wav"
    (house.inbox / "calls").mkdir()
    shutil.copy(samples / "phrases-2.wav", house.inbox / "calls" / name)
    assert house.tick().skip_reason == dg.SkipReason("1 not yet complete, or for the next tick.")
    (request,) = house.tick().run_requests or []
    assert request.tags[RANGE_START_TAG] == request.tags[RANGE_END_TAG]
    assert request.tags["dagster/priority"] == "3"
    house.launch(request)
    (row,) = house.intake.store.rows()
    assert row.state is RecordingState.DONE
    (translated,) = house.intake.store.translations(row.recording.recording_id)
    assert any("مینا" in one.text for one in translated.translations)
    assert (house.intake.layout.archive / "calls" / name).is_file()
    assert not (house.inbox / "calls" / name).exists()
    assert house.tick().skip_reason == dg.SkipReason("The inbox is empty.")
