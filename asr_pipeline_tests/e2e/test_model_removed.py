"""A model that is removed between two runs: the command to run is named, nothing is given up, the next run goes on."""

import shutil
from pathlib import Path

import pytest

from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("ASR_PIPELINE_VOSK_MODEL", "vosk-model-starter-en"),
        ("ASR_PIPELINE_ARGOS_PACKAGES", "translate-en_fa-starter.argosmodel"),
    ],
)
def test_a_removed_model_is_named_and_costs_nothing(
    tmp_path: Path, samples: Path, starter_models: Path, setting: str, name: str
) -> None:
    data_dir, aside = tmp_path / "data", tmp_path / "aside"
    model = tmp_path / f"my {name}"
    if (starter_models / name).is_dir():
        shutil.copytree(starter_models / name, model)
    else:
        shutil.copy(starter_models / name, model)
    environment = {setting: str(model)}
    first, second, third, *_ = sorted(samples.glob("*.wav"))
    assert asr_pipeline("process", first, data_dir=data_dir, environment=environment).returncode == 0
    archive = tmp_path / "archive"
    archive.mkdir()
    shutil.copy(second, archive)
    assert asr_pipeline("import", archive, data_dir=data_dir, environment=environment).returncode == 0

    model.rename(aside)
    for command in (["process", third], ["backfill", "--missing"]):
        without = asr_pipeline(*command, data_dir=data_dir, environment=environment)
        assert without.returncode == 1
        assert "asr-pipeline models pull" in without.stderr
        assert setting in without.stderr
        assert "Traceback" not in without.stderr
    counts = printed_json(asr_pipeline("status", "--json", data_dir=data_dir, environment=environment))
    assert counts == {"in_progress": 1, "done": 1, "failed": 0, "quarantined": 0, "dropped": 0}

    aside.rename(model)
    for command in (["process", third], ["backfill", "--missing"]):
        finished = asr_pipeline(*command, data_dir=data_dir, environment=environment)
        assert finished.returncode == 0, finished.stderr
    told = printed_json(asr_pipeline("verify", "--deep", "--json", data_dir=data_dir, environment=environment))
    assert (told["equation"]["done"], told["findings"]) == (3, [])
