"""A process is killed in the middle of a note; the daemon of `asr-pipeline up` finds that, and translates it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr_pipeline.domain.note import NoteTranslation
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.e2e.serving import served

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]


def test_what_a_killed_process_had_in_work_and_what_nobody_had_is_done_by_the_daemon(tmp_path: Path) -> None:
    environment = os.environ | {"ASR_PIPELINE_DATA_DIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "asr_pipeline_tests.e2e.note_process"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        note_id = process.stdout.readline().strip()
        assert process.stdout.readline() == "in work\n"
        process.kill()

    with open_storage(load_settings(data_dir=tmp_path)) as storage:

        def shown() -> NoteTranslation:
            return storage.notes.get(note_id).translations[0]

        assert shown().status.value == "running"
        with served(tmp_path) as up:
            up.wait_until(lambda: shown().status.value not in {"running", "pending"}, "the note is done")
        assert (shown().status.value, shown().text) == ("done", "دوربین باغ خراب است.")
