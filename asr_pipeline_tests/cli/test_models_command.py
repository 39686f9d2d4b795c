"""`asr-pipeline models`: what it prints, and how it ends."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from asr_pipeline.cli.models import app
from asr_pipeline.domain.errors import SetupError
from asr_pipeline.storage.catalogue import CATALOGUE, DEFAULT_NAMES
from asr_pipeline.storage.download import Retries
from asr_pipeline_tests.engines.opus_models import make_opus
from asr_pipeline_tests.mirror_server import Fault, MirrorServer, serve

ARGOS = "translate-en_fa-1_5"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set the data folder."""
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "data"


@pytest.fixture
def mirror(starter_models: Path) -> Iterator[MirrorServer]:
    """Serve the starter package as if it were the official one, which has no published hash."""
    with serve() as server:
        server.files[f"{ARGOS}.argosmodel"] = (starter_models / "translate-en_fa-starter.argosmodel").read_bytes()
        yield server


@pytest.mark.usefixtures("data_dir")
def test_list_shows_what_is_in_use_and_what_can_be_pulled() -> None:
    result = CliRunner().invoke(app, ["list"])

    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "in use" in rows["vosk-model-starter-en"]
    assert "can be pulled" in rows["vosk-model-en-us-0.22"]
    assert "1,800 MB" in rows["vosk-model-en-us-0.22"]
    assert "models pull NAME" in result.stdout


def test_list_as_json_is_for_programs(data_dir: Path) -> None:
    result = CliRunner().invoke(app, ["list", "--json"])

    listed = {entry["name"]: entry for entry in json.loads(result.stdout)}
    assert {model.name for model in CATALOGUE} < listed.keys()
    assert listed["translate-en_fa-starter"]["in_use"] is True
    assert listed["translate-en_fa-starter"]["kind"] == "argos"
    assert listed[ARGOS]["path"] is None
    assert not (data_dir / "models").exists(), "listing writes nothing"


@pytest.mark.fault
def test_pull_installs_from_a_mirror_and_list_shows_it_in_use(mirror: MirrorServer, data_dir: Path) -> None:
    result = CliRunner().invoke(app, ["pull", ARGOS, "--mirror", mirror.url])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{ARGOS}: installed ({data_dir / 'models' / ARGOS})")

    again = CliRunner().invoke(app, ["pull", ARGOS, "--mirror", mirror.url])
    assert again.stdout.startswith(f"{ARGOS}: is here already")
    listed = {entry["name"]: entry for entry in json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)}
    assert listed[ARGOS]["in_use"] is True
    assert listed["translate-en_fa-starter"]["in_use"] is False


@pytest.mark.fault
def test_one_model_that_fails_does_not_stop_the_others(mirror: MirrorServer, data_dir: Path) -> None:
    result = CliRunner().invoke(app, ["pull", "--mirror", mirror.url])

    assert result.exit_code == 1
    assert f"{DEFAULT_NAMES[0]} was not installed" in result.stderr
    assert "HTTP 404" in result.stderr
    assert f"{ARGOS}: installed" in result.stdout
    assert sorted(path.name for path in (data_dir / "models").iterdir() if not path.name.startswith(".")) == [
        "checksums.json",
        ARGOS,
    ]


@pytest.mark.fault
def test_a_retry_is_told_on_standard_error(
    mirror: MirrorServer, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asr_pipeline.storage.download.Retries", lambda: Retries(attempts=3, wait_s=0.001))
    mirror.faults.append(Fault(status=503))

    result = CliRunner().invoke(app, ["pull", ARGOS, "--mirror", mirror.url])

    assert result.exit_code == 0
    assert "HTTP 503" in result.stderr
    assert "trying again" in result.stderr
    assert "503" not in result.stdout
    assert (data_dir / "models" / ARGOS).is_dir()


@pytest.mark.usefixtures("data_dir")
@pytest.mark.fault
def test_an_unknown_name_is_told_before_anything_is_fetched(mirror: MirrorServer) -> None:
    result = CliRunner().invoke(app, ["pull", ARGOS, "nonsense", "--mirror", mirror.url])

    assert isinstance(result.exception, SetupError), "the command line's main prints it"
    assert mirror.requests == []


@pytest.mark.parametrize("command", [[], ["list"], ["pull"]])
def test_help_has_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])

    assert result.exit_code == 0
    if command:
        assert f"asr-pipeline models {command[0]}" in result.stdout


def test_an_opus_model_is_added_and_listed_in_use(tmp_path: Path, starter_models: Path, data_dir: Path) -> None:
    source = make_opus(tmp_path / "my-model", starter_models)
    result = CliRunner().invoke(app, ["add-opus", str(source), "--from", "en", "--to", "fa"])
    assert result.exit_code == 0, result.output
    assert f"en to fa: added ({data_dir / 'models' / 'opus-mt-en-fa'})" in result.stdout
    listed = {entry["name"]: entry for entry in json.loads(CliRunner().invoke(app, ["list", "--json"]).stdout)}
    assert listed["opus-mt-en-fa"]["in_use"] is True
    assert listed["translate-en_fa-starter"]["in_use"] is False
