"""What keeps Dagster running: a command that dies is started again, unless it dies young every time."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.fault

KEEP = """
import sys
from pathlib import Path
from asr_pipeline.cli import supervision
supervision.SHORTEST_LIFE_S = float(sys.argv[2])
command = [sys.executable, "-c", Path(sys.argv[1], "command.py").read_text(), sys.argv[1]]
sys.exit(supervision.keep_running(command, {}, Path(sys.argv[1]), "nothing", lambda: None))
"""
LIVES = """
import sys, time
from pathlib import Path
lives = Path(sys.argv[1], "lives")
with lives.open("a") as file:
    file.write("x")
time.sleep(SLEEP[min(len(lives.read_text()), len(SLEEP)) - 1])
sys.exit(3)
"""


def lives(folder: Path, seconds: list[float], shortest_s: float) -> tuple[int, int]:
    """Give the exit code, and how often the command was started; `seconds` are how long it lives each time."""
    (folder / "command.py").write_text(f"SLEEP = {seconds}\n{LIVES}")
    ended = subprocess.run([sys.executable, "-c", KEEP, folder, str(shortest_s)], check=False, timeout=60)
    return ended.returncode, len((folder / "lives").read_text())


def test_what_dies_young_three_times_in_a_row_is_given_up(tmp_path: Path) -> None:
    assert lives(tmp_path, [0.0], 20) == (3, 3)


def test_a_long_life_makes_up_for_short_ones(tmp_path: Path) -> None:
    assert lives(tmp_path, [0.0, 0.0, 2.0, 0.0], 1.5) == (3, 6)
