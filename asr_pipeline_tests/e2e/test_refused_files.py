"""Files that `process` and `import` refuse: counted, listed, mended or given up, and never moved."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def equation(data_dir: Path) -> dict[str, Any]:
    """Give the ledger's equation; nothing is wrong."""
    printed = printed_json(asr_pipeline("verify", "--json", data_dir=data_dir))
    assert printed["findings"] == []
    found: dict[str, Any] = printed["equation"]
    return found


@pytest.mark.parametrize("command", ["process", "import"])
def test_they_are_counted_and_mended_or_given_up(data_dir: Path, tmp_path: Path, samples: Path, command: str) -> None:
    talks = tmp_path / "talks"
    talks.mkdir()
    names = ("offered again.wav", "retried.wav", "given up.wav")
    for name in names:
        (talks / name).touch()
    offered = [talks, *([tmp_path / "gone.wav"] if command == "process" else [])]
    assert asr_pipeline(command, *offered, data_dir=data_dir).returncode == 1
    listed = printed_json(asr_pipeline("quarantine", "list", "--json", data_dir=data_dir))
    assert {one["path"] for one in listed} == {str(talks / name) for name in names}
    assert all(one["when"] and "an empty file" in one["message"] for one in listed)
    before = equation(data_dir)
    assert (before["files"], before["refused"]) == (3, 3)

    shutil.copy(samples / "phrases-3.wav", talks / "offered again.wav")
    shutil.copy(samples / "phrases-3.wav", talks / "retried.wav")
    assert asr_pipeline("quarantine", "drop", talks / "given up.wav", data_dir=data_dir).returncode == 0
    assert asr_pipeline("quarantine", "retry", talks / "retried.wav", data_dir=data_dir).returncode == 0
    again = asr_pipeline("process", talks / "offered again.wav", data_dir=data_dir)
    assert again.returncode == 0, again.stderr
    assert printed_json(asr_pipeline("quarantine", "list", "--json", data_dir=data_dir)) == []
    after = equation(data_dir)
    assert (after["files"], after["done"], after["dropped"]) == (4, 3, 1)  # mended, it is a file that came twice
    assert sorted(path.name for path in talks.iterdir()) == sorted(names)
