"""The inbox as people use it: `asr-pipeline up`, files dropped, and what the commands say of them."""

import shutil
from pathlib import Path

import psutil
import pytest

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import Storage, open_storage
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.e2e.serving import Served, served

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """Give a data folder whose inbox was emptied by a real daemon: sound files, a corrupt one and an empty one."""
    data_dir = tmp_path_factory.mktemp("data")
    inbox = data_dir / "inbox"
    (inbox / "sub folder").mkdir(parents=True)
    shutil.copy(samples / "phrases-2.wav", inbox / "first talk.wav")
    shutil.copy(samples / "phrases-3.wav", inbox / "sub folder" / "مصاحبه.wav")
    (inbox / "corrupt.wav").write_bytes(b"RIFF this is no audio")
    (inbox / "empty.wav").touch()
    with served(data_dir) as up, open_storage(load_settings(data_dir=data_dir)) as storage:
        up.wait_until(lambda: is_done(storage), "two recordings done, one in quarantine")
        assert sensor_timeout_s(up) == "300"
    return data_dir


def sensor_timeout_s(up: Served) -> str:
    """Give how long `dagster dev`, which `up` has started, lets a sensor's tick take."""
    (child,) = psutil.Process(up.process.pid).children()
    return str(child.environ()["DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS"])


def is_done(storage: Storage) -> bool:
    counts = storage.store.count_by_state()
    return counts[RecordingState.DONE] == 2 and counts[RecordingState.QUARANTINED] == 1


def test_files_that_were_dropped_are_done_or_quarantined(taken: Path) -> None:
    assert [path.name for path in (taken / "inbox").rglob("*") if path.is_file()] == []
    archived = {str(path.relative_to(taken / "archive")) for path in (taken / "archive").rglob("*") if path.is_file()}
    assert archived == {"first talk.wav", "sub folder/مصاحبه.wav", "corrupt.wav"}
    rows = printed_json(asr_pipeline("list", "--state", "done", "--json", data_dir=taken))
    assert {row["name"] for row in rows} == {"first talk.wav", "مصاحبه.wav"}
    assert all(row["first_lines"]["fa"] for row in rows)


def test_the_quarantine_is_listed_tried_again_and_given_up(taken: Path, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(taken, data_dir)
    listed = printed_json(asr_pipeline("quarantine", "list", "--json", data_dir=data_dir))
    assert {(one["name"], one["kind"]) for one in listed} == {
        ("corrupt.wav", "UnreadableAudio"),
        ("empty.wav", "UnreadableAudio"),
    }
    files = {one["name"]: Path(one["file"]) for one in listed}
    assert files["corrupt.wav"].read_bytes() == b"RIFF this is no audio"

    again = asr_pipeline("quarantine", "retry", "--all", data_dir=data_dir)
    assert again.returncode == 1
    assert "corrupt.wav" in again.stderr
    assert "empty.wav" in again.stderr
    assert "Traceback" not in again.stderr
    unknown = asr_pipeline("quarantine", "retry", "nobody", data_dir=data_dir)
    assert unknown.returncode == 1
    assert "quarantine list" in unknown.stderr

    # the cause is mended: both are sound now, and retried by name and by path
    sound = taken / "archive" / "first talk.wav"
    mended = sound.read_bytes() + b"note\x04\0\0\0once"
    files["empty.wav"].write_bytes(mended)
    retried = asr_pipeline("quarantine", "retry", files["empty.wav"], data_dir=data_dir)
    assert retried.returncode == 0, retried.stderr
    assert "Done: empty.wav" in retried.stdout
    assert not files["empty.wav"].exists()

    assert asr_pipeline("quarantine", "drop", "corrupt.wav", data_dir=data_dir).returncode == 0
    assert printed_json(asr_pipeline("quarantine", "list", "--json", data_dir=data_dir)) == []
    assert list((data_dir / "quarantine").iterdir()) == []
    counts = printed_json(asr_pipeline("status", "--json", data_dir=data_dir))
    assert counts == {"in_progress": 0, "done": 3, "failed": 0, "quarantined": 0, "dropped": 1}
