"""Model archives: what is harmless is unpacked whole, and nothing else is."""

import io
import stat
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import ModelMissing, SetupError, StorageFull
from asr_pipeline.storage import archive
from asr_pipeline.storage.archive import lock, unpack


def make_zip(path: Path, files: dict[str, bytes], *, change: Callable[[zipfile.ZipInfo], None] | None = None) -> Path:
    """Write a zip; `change` may spoil each entry."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if change:
                change(info)
            target.writestr(info, content)
    return path


def no_fault(_: Path) -> str | None:
    return None


def visible(folder: Path) -> list[str]:
    """Give what lies in a folder, except locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".lock-"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Give an empty folder for models."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_the_only_folder_of_an_archive_becomes_the_destination(tmp_path: Path, models: Path) -> None:
    packed = make_zip(tmp_path / "a.zip", {"inner/": b"", "inner/am/final.mdl": b"model", "inner/README": b"read"})

    unpack(packed, models / "name", no_fault)

    assert visible(models) == ["name"]
    assert (models / "name" / "am" / "final.mdl").read_bytes() == b"model"


def test_an_archive_without_a_folder_of_its_own(tmp_path: Path, models: Path) -> None:
    unpack(make_zip(tmp_path / "a.zip", {"am/final.mdl": b"model", "README": b"read"}), models / "name", no_fault)

    assert visible(models / "name") == ["README", "am"]


def test_what_lay_there_before_is_replaced(tmp_path: Path, models: Path) -> None:
    (models / "name").mkdir()
    (models / "name" / "old").write_text("old")

    unpack(make_zip(tmp_path / "a.zip", {"in/new": b"new"}), models / "name", no_fault)

    assert visible(models) == ["name"]
    assert visible(models / "name") == ["new"]


def test_what_is_no_model_changes_nothing(tmp_path: Path, models: Path) -> None:
    (models / "name").mkdir()
    (models / "name" / "old").write_text("old")

    with pytest.raises(SetupError, match="expected a model, found a folder without am"):
        unpack(make_zip(tmp_path / "a.zip", {"in/new": b""}), models / "name", lambda _: "a folder without am")

    assert visible(models) == ["name"]
    assert visible(models / "name") == ["old"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["../evil"], "own folder"),
        (["in/../../evil"], "own folder"),
        (["/etc/evil"], "own folder"),
        (["in\\..\\evil"], "own folder"),
        (["C:/evil"], "own folder"),
        (["./"], "own folder"),
        (["in/a", "in/A"], "case"),
        (["in/é", "in/e\u0301"], "case"),
        (["In/a", "in/b"], "case"),
        (["in/a", "in/a/b"], "folders"),
    ],
)
def test_dangerous_names_are_refused(tmp_path: Path, models: Path, names: list[str], told: str) -> None:
    packed = make_zip(tmp_path / "a.zip", dict.fromkeys(names, b"x"))

    with pytest.raises(SetupError, match=rf"a\.zip.*{told}.*Nothing was installed"):
        unpack(packed, models / "name", no_fault)

    assert visible(models) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "models"]


def test_a_name_twice_is_refused(tmp_path: Path, models: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as target:
        target.writestr("a", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            target.writestr("a", b"2")

    with pytest.raises(SetupError, match="each name once"):
        unpack(tmp_path / "a.zip", models / "name", no_fault)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_are_refused(tmp_path: Path, models: Path, kind: int) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.external_attr = (kind | 0o777) << 16

    with pytest.raises(SetupError, match="files and folders only"):
        unpack(make_zip(tmp_path / "a.zip", {"in/link": b"/etc/passwd"}, change=change), models / "name", no_fault)


def test_an_encrypted_archive_is_refused(tmp_path: Path, models: Path) -> None:
    packed = make_zip(tmp_path / "a.zip", {"in/a": b"x"})
    content = bytearray(packed.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    packed.write_bytes(content)

    with pytest.raises(SetupError, match="not encrypted"):
        unpack(packed, models / "name", no_fault)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = make_zip(tmp_path / "a.zip", {"in/a": bytes(20 * 2**20)})
    with pytest.raises(SetupError, match="at most 100 times its size"):
        unpack(packed, models / "name", no_fault)

    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 2**20)
    with pytest.raises(SetupError, match="at most 1048576 bytes"):
        unpack(packed, models / "name", no_fault)

    monkeypatch.setattr(archive, "MAX_FILES", 1)
    with pytest.raises(SetupError, match="at most 1 files"):
        unpack(make_zip(tmp_path / "b.zip", {"a": b"", "b": b""}), models / "name", no_fault)


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_told(tmp_path: Path, models: Path, keep: float) -> None:
    packed = make_zip(tmp_path / "a.zip", {f"in/{n}": bytes(range(256)) * 9 for n in range(9)})
    content = packed.read_bytes()
    packed.write_bytes(content[: int(len(content) * keep)])

    with pytest.raises(SetupError, match="a whole zip archive"):
        unpack(packed, models / "name", no_fault)
    assert visible(models) == []


@pytest.mark.parametrize(
    ("good", "bad"),
    [("é".encode(), b"\xe9\xe9"), (b"PK\x05\x06", b"PK\x05\x07")],
)
def test_a_damaged_directory_is_told(tmp_path: Path, models: Path, good: bytes, bad: bytes) -> None:
    packed = make_zip(tmp_path / "a.zip", {"in/é": b"x"})
    packed.write_bytes(packed.read_bytes().replace(good, bad))

    with pytest.raises(SetupError, match="a whole zip archive"):
        unpack(packed, models / "name", no_fault)


def test_an_archive_that_is_not_there_is_told(tmp_path: Path, models: Path) -> None:
    with pytest.raises(ModelMissing, match=r"gone\.zip"):
        unpack(tmp_path / "gone.zip", models / "name", no_fault)


@pytest.mark.fault
@settings(max_examples=30, deadline=None)
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_never_gives_other_content(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    files = {f"in/{n}": bytes(range(n, n + 40)) for n in range(4)}
    packed = make_zip(folder / "a.zip", files)
    content = bytearray(packed.read_bytes())
    content[place % len(content)] = value
    packed.write_bytes(content)

    try:
        unpack(packed, folder / "models" / "name", no_fault)
    except SetupError:
        assert not (folder / "models" / "name").exists()
    else:
        found = [path.read_bytes() for path in (folder / "models" / "name").rglob("*") if path.is_file()]
        assert all(one in files.values() for one in found)


def test_too_little_room_is_told_with_figures(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    packed = make_zip(tmp_path / "a.zip", {"in/a": io.BytesIO(bytes(range(256)) * 8000).getvalue()})

    with pytest.raises(StorageFull, match="expected 2 MB of room, found 1 MB"):
        unpack(packed, models / "name", no_fault)


@pytest.mark.fault
def test_a_disk_that_fills_up_while_unpacking_leaves_nothing(tmp_path: Path, models: Path) -> None:
    packed = make_zip(tmp_path / "a.zip", {"in/a": bytes(range(256)) * 8000})
    program = f"""
import resource
from pathlib import Path
from asr_pipeline.domain.errors import StorageFull
from asr_pipeline.storage.archive import unpack
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    unpack(Path({str(packed)!r}), Path({str(models / "name")!r}), lambda path: None)
except StorageFull as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert "expected room to write" in done.stdout
    assert visible(models) == []


@pytest.mark.fault
def test_what_a_kill_left_is_removed_by_the_next(tmp_path: Path, models: Path) -> None:
    packed = make_zip(tmp_path / "a.zip", {"in/a": b"whole"})
    program = f"""
import os, signal
from pathlib import Path
from asr_pipeline.storage.archive import unpack
unpack(Path({str(packed)!r}), Path({str(models / "name")!r}), lambda path: os.kill(os.getpid(), signal.SIGKILL))
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert killed.returncode == -9
    assert [name.startswith(".partial-name-") for name in visible(models)] == [True]

    unpack(packed, models / "name", no_fault)

    assert visible(models) == ["name"]


def test_a_lock_lets_one_at_a_time_in_and_tells_who_waits(models: Path) -> None:
    told = threading.Event()
    order: list[str] = []

    def second() -> None:
        with lock(models / "name", waiting=told.set):
            order.append("second")

    with lock(models / "name"):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]
