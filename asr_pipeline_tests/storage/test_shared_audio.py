"""Audio that other machines read: at an address of a file system, and of an S3 server."""

from pathlib import Path

import numpy as np
import pytest
import s3fs

from asr_pipeline.domain.errors import SetupError, TransientFailure
from asr_pipeline.engines.canonical_audio import CanonicalAudio, CanonicalWriter
from asr_pipeline.storage.shared_audio import SharedAudio
from asr_pipeline_tests.ports import free_port

SECONDS = 30


@pytest.fixture(params=["file", "s3"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> SharedAudio:
    address = request.getfixturevalue("bucket") if request.param == "s3" else f"file://{tmp_path / 'shared' / 'audio'}"
    return SharedAudio(address)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "audio.flac"
    noise = np.random.default_rng(1).integers(-9000, 9000, (16_000 * SECONDS, 2), dtype=np.int16)
    with CanonicalWriter(path, 2) as writer:
        writer.write(noise)
        writer.publish()
    return path


def test_a_stretch_of_it_is_read_as_from_the_file_itself(shared: SharedAudio, audio: Path) -> None:
    shared.put("one", audio)
    shared.put("one", audio)  # a run that was killed has left it
    with shared.open("one") as file, CanonicalAudio(file) as there, CanonicalAudio(audio) as here:
        assert there.channels == here.channels == 2
        for start_s, end_s, channel in ((20.5, 25.25, 1), (0.0, 1.0, 0), (29.0, 31.0, 1)):
            assert there.read_pcm(start_s, end_s, channel) == here.read_pcm(start_s, end_s, channel)


def test_nothing_is_left_once_it_is_removed(shared: SharedAudio, audio: Path, tmp_path: Path) -> None:
    shared.put("one", audio)
    shared.remove("one")
    shared.remove("one")
    with pytest.raises(TransientFailure, match="ASR_PIPELINE_SHARED_AUDIO"), shared.open("one"):
        pass
    assert not [path for path in (tmp_path / "shared").rglob("*") if path.is_file()]


@pytest.mark.fault
def test_audio_that_ends_early_is_an_error_and_no_silence(shared: SharedAudio, audio: Path) -> None:
    audio.write_bytes(audio.read_bytes()[:-400_000])
    shared.put("one", audio)
    with (
        shared.open("one") as file,
        CanonicalAudio(file) as there,
        pytest.raises(Exception, match="canonical audio"),
    ):
        there.read_pcm(25, 30, 0)


@pytest.mark.fault
def test_what_fails_while_it_is_read_is_raised(audio: Path) -> None:
    with audio.open("rb") as file, CanonicalAudio(file) as there:
        file.close()
        with pytest.raises(ValueError, match="closed file"):
            there.read_pcm(1, 2, 0)


@pytest.mark.fault
def test_an_address_that_nobody_answers_at_is_tried_again_later(
    bucket: str, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(TransientFailure, match="shared audio that can be reached"):
        SharedAudio(bucket).put("one", audio)


def test_an_address_of_a_kind_that_is_not_there_is_named() -> None:
    with pytest.raises(SetupError, match="ASR_PIPELINE_SHARED_AUDIO"):
        SharedAudio("nobody://knows").remove("one")
