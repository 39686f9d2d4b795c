"""The command line in a process of its own, as people and programs use it."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

LONGEST_WAIT_S = 600


def asr_pipeline(
    *arguments: str | Path,
    data_dir: Path,
    environment: dict[str, str] | None = None,
    max_file_bytes: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. No file may grow beyond `max_file_bytes`: to its writer that is a full disk."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes or 0, max_file_bytes or 0))

    return subprocess.run(
        [sys.executable, "-m", "asr_pipeline", *map(str, arguments)],
        env=os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir), "COLUMNS": "160"} | (environment or {}),
        capture_output=True,
        text=True,
        timeout=LONGEST_WAIT_S,
        check=False,
        preexec_fn=limit if max_file_bytes else None,
    )


def printed_json(finished: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - JSON of several shapes
    """Give what a command that went well has printed."""
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
