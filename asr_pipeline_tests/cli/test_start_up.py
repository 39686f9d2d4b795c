"""Small commands start at once: what they don't need is not imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SLOW = {"dagster", "alembic", "sqlalchemy", "pandas", "pyarrow", "numpy", "vosk", "ctranslate2", "PIL", "soundfile"}


def imported(code: str, data_dir: Path) -> set[str]:
    """Give what of the slow ones a process has imported after some code."""
    told = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, file=sys.stderr)"],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return SLOW & set(told.stderr.split())


def test_the_command_line_alone_imports_nothing_slow(tmp_path: Path) -> None:
    assert imported("import asr_pipeline.cli.main", tmp_path) == set()
    assert imported("import dagster", tmp_path) >= {"dagster"}


@pytest.mark.sqlite_alone
@pytest.mark.parametrize("command", [["status"], ["list"], ["quarantine", "list"], ["reference", "list"], ["report"]])
def test_commands_that_only_look_need_the_database_alone(tmp_path: Path, command: list[str]) -> None:
    run = f"from asr_pipeline.cli.main import app; app({command}, standalone_mode=False)"
    assert "alembic" in imported(run, tmp_path)  # it makes the tables
    assert imported(run, tmp_path) == {"sqlalchemy"}
