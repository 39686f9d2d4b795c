"""Files appear whole or not at all."""

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import SettingInvalid, StorageFull
from asr_pipeline.storage.atomic import atomic_path, atomic_write, write_bytes, write_text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(chunks=st.lists(st.binary(max_size=4096), max_size=8), stop_at=st.integers(0, 8))
def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, chunks: list[bytes], stop_at: int) -> None:
    file = tmp_path / "result.srt"
    file.write_bytes(b"old")

    def write() -> None:
        with atomic_write(file) as out:
            for index, chunk in enumerate(chunks):
                if index == stop_at:
                    raise KeyboardInterrupt
                out.write(chunk)

    if stop_at < len(chunks):
        with pytest.raises(KeyboardInterrupt):
            write()
        assert file.read_bytes() == b"old"
    else:
        write()
        assert file.read_bytes() == b"".join(chunks)
    assert list(tmp_path.iterdir()) == [file]


def test_nothing_shows_before_the_end(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "audio.flac"
    with atomic_path(file) as partial:
        partial.write_bytes(b"fLaC")
        assert partial.parent == file.parent
        assert partial.name.startswith(".")
        assert partial.suffix == ".flac"
        assert not file.exists()
    assert file.read_bytes() == b"fLaC"
    assert [path.name for path in file.parent.iterdir()] == ["audio.flac"]


def test_names_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    file = tmp_path / ("x" * 250 + ".json")
    write_text(file, "سلام\n")
    assert file.read_bytes() == "سلام\n".encode()


def test_a_new_file_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_storage_full(tmp_path: Path, code: int) -> None:
    def fill() -> None:
        with atomic_write(tmp_path / "a.srt") as out:
            out.write(b"x")
            raise OSError(code, os.strerror(code))

    with pytest.raises(StorageFull, match="room to write"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_other_errors_pass(tmp_path: Path) -> None:
    def read_elsewhere() -> None:
        with atomic_write(tmp_path / "a.srt"):
            raise PermissionError(errno.EACCES, "no", "/elsewhere/source.wav")

    with pytest.raises(PermissionError):
        read_elsewhere()


def test_a_folder_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SettingInvalid, match="can be written to"):
        write_bytes(tmp_path / "a.srt", b"")


@pytest.mark.fault
def test_a_real_limit_of_the_system(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from asr_pipeline.domain.errors import StorageFull
        from asr_pipeline.storage.atomic import write_bytes
        folder = Path(sys.argv[1])
        write_bytes(folder / "kept.bin", b"old")
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        try:
            write_bytes(folder / "kept.bin", bytes(1_000_000))
        except StorageFull as error:
            print(error)
            sys.exit(7)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 7, done.stderr
    assert "larger than the system allows" in done.stdout
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.fault
def test_killed_in_the_middle(tmp_path: Path) -> None:
    script = """
        import os, signal, sys
        from pathlib import Path
        from asr_pipeline.storage.atomic import atomic_write
        with atomic_write(Path(sys.argv[1]) / "a.srt") as out:
            out.write(b"half")
            out.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(tmp_path)], check=False)
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".partial-")
