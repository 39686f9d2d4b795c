"""systemd's units: what systemd says of them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from asr_pipeline.cli.main import app
from asr_pipeline_tests.deploy.compose import DEPLOY

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAM = "/opt/asr-pipeline/bin/asr-pipeline"
EXPOSURE_MAX = 30  # of 100; what has nothing set comes to 96


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_its_command_is_one_that_the_program_has(unit: Path) -> None:
    found = re.search(rf"^ExecStart={PROGRAM} (\w+) (.*)$", unit.read_text(), re.MULTILINE)

    assert found is not None
    command = typer.main.get_command(app).commands[found[1]]  # type: ignore[attr-defined]
    command.make_parser(typer.Context(command)).parse_args(found[2].split())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_nothing_wrong_and_little_exposed(unit: Path, tmp_path: Path) -> None:
    """The program lies elsewhere here, so another stands in its place."""
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace(PROGRAM, "/bin/true"))

    for check in (["verify"], ["security", "--offline=yes", f"--threshold={EXPOSURE_MAX}"]):
        done = subprocess.run(["systemd-analyze", *check, copy], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
