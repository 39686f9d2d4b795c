"""Worker processes of this machine, started for a run: the text of threads, audio by way of an S3 server."""

from pathlib import Path

import pytest
import s3fs

from asr_pipeline_tests.e2e.cluster_house import house, texts_of_threads

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


def test_two_processes_give_the_text_that_threads_give_and_the_bucket_is_empty_after(
    tmp_path: Path, samples: Path, bucket: str
) -> None:
    files = sorted(samples.glob("*.wav"))
    with house(tmp_path / "data", files, executor="dask", shared_audio=bucket, cluster_workers_min=2) as here:
        here.pipeline.preload()
        report = here.run()
        assert not report.failed
        assert here.texts() == texts_of_threads(tmp_path / "threads", files)
        here.assert_each_was_done_once()
    assert s3fs.S3FileSystem().find(bucket) == []


def test_erasing_removes_what_a_run_that_died_has_left(tmp_path: Path, samples: Path) -> None:
    shared = tmp_path / "shared"
    with house(tmp_path / "data", [samples / "phrases-1.wav"], shared_audio=f"file://{shared}") as here:
        recording = here.pipeline.store.recording(here.ids[0])
        shared.mkdir()
        (shared / f"{recording.recording_id}.flac").touch()
        here.pipeline.erase(recording)
    assert not list(shared.iterdir())
