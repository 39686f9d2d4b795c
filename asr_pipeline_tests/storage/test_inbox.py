"""Looking at the inbox and putting files away: real files, names of every kind, links, other devices."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import SettingInvalid, TransientFailure
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.storage.inbox import InboxFolder, Writers, is_on_own_disk, only_one, writers
from asr_pipeline.storage.layout import Layout

SHA256 = "0123456789abcdef" * 4
NAMES = [
    b"with space.wav",
    b'it\'s "quoted" $(x) `y`.wav',
    b"two\nlines\r.wav",
    "مصاحبه با مینا.wav".encode(),
    "🎧🎙.mp3".encode(),
    b"x" * 251 + b".wav",
    b"caf\xe9.wav",
    b"-rf",
    b"no suffix",
    b"back\\slash.wav",
    ("ü" * 125).encode() + b".wave",
]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.ensure()
    return layout


@pytest.fixture
def inbox(layout: Layout) -> InboxFolder:
    return InboxFolder(layout.inbox, layout, "archive")


def dropped(inbox: InboxFolder, name: str | bytes, content: bytes = b"bytes") -> Path:
    path = inbox.folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def the_only(inbox: InboxFolder) -> FoundFile:
    (file,) = inbox.look().files
    return file


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_found_and_archived(inbox: InboxFolder, layout: Layout, name: bytes) -> None:
    path = dropped(inbox, name)
    file = the_only(inbox)
    assert (file.path, os.fsencode(file.name), file.size_bytes) == (path, name, 5)
    assert inbox.put_away(file, SHA256) is None
    assert (layout.archive / os.fsdecode(name)).read_bytes() == b"bytes"
    assert not path.exists()


@pytest.mark.parametrize("name", NAMES)
def test_another_file_of_the_same_name_gets_the_hash(inbox: InboxFolder, layout: Layout, name: bytes) -> None:
    for content in (b"first", b"other"):
        dropped(inbox, name, content)
        assert inbox.put_away(the_only(inbox), SHA256) is None
    archived = sorted(layout.archive.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert {path.read_bytes() for path in archived} == {b"first", b"other"}
    assert any(SHA256[:12] in path.name for path in archived)
    assert all(len(os.fsencode(path.name)) <= 255 for path in archived)


def test_the_same_bytes_by_the_same_name_are_archived_once(inbox: InboxFolder, layout: Layout) -> None:
    for _ in range(3):
        dropped(inbox, "a.wav")
        inbox.put_away(the_only(inbox), SHA256)
    assert [path.name for path in layout.archive.iterdir()] == ["a.wav"]
    for content in (b"1", b"2", b"1", b"2", b"3"):  # even where hashes were to meet, nothing is written over
        dropped(inbox, "a.wav", content)
        inbox.put_away(the_only(inbox), SHA256)
    assert sorted(path.read_bytes() for path in layout.archive.iterdir()) == [b"1", b"2", b"3", b"bytes"]


def test_sub_folders_are_kept_and_a_folder_that_is_a_file_there_too(inbox: InboxFolder, layout: Layout) -> None:
    dropped(inbox, "calls")
    inbox.put_away(the_only(inbox), SHA256)
    dropped(inbox, "calls/May/a.wav")
    inbox.put_away(the_only(inbox), SHA256)
    assert (layout.archive / "calls").is_file()
    assert (layout.archive / SHA256[:12] / "a.wav").is_file()


def test_what_is_temporary_or_hidden_is_left_alone_and_the_rest_is_found(inbox: InboxFolder) -> None:
    for name in ("a.wav.part", ".hidden", ".folder/a.wav", "b~", "sub/c.tmp", "sub/d.wav", "talk.wav/e", "notes.txt"):
        dropped(inbox, name)
    assert [file.name for file in inbox.look().files] == ["notes.txt", "sub/d.wav", "talk.wav/e"]


def test_links_inside_are_files_and_those_that_lead_elsewhere_are_refused(inbox: InboxFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(b"secret")
    dropped(inbox, "a.wav")
    (inbox.folder / "folder").mkdir()
    targets: dict[str, str | Path] = {
        "inside": "a.wav",
        "outside": outside / "secret.wav",
        "broken": "nowhere",
        "circle": "circle",
        "up": "..",
        "to folder": "folder",
        "to outside folder": outside,
    }
    for link, target in targets.items():
        (inbox.folder / link).symlink_to(target)
    files = {file.name: file for file in inbox.look().files}
    refused = {name: file.refusal.found for name, file in files.items() if file.refusal}
    assert files["inside"].is_link
    assert files["inside"].size_bytes == 5
    assert set(files) == {"a.wav", "inside", *refused}
    assert refused == {
        "outside": f"a link that leads outside the inbox, to {outside / 'secret.wav'}",
        "broken": "a link that leads nowhere",
        "circle": "a link that leads nowhere",
        "up": f"a link that leads outside the inbox, to {inbox.folder.parent}",
        "to folder": f"a link to {inbox.folder / 'folder'}, which is no file",
        "to outside folder": f"a link that leads outside the inbox, to {outside}",
    }
    inbox.put_away(files["inside"], SHA256)
    assert not (inbox.folder / "inside").exists()
    assert (inbox.folder / "a.wav").exists()


def test_an_inbox_above_the_data_folder_leaves_it_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "all" / "data")
    layout.ensure()
    (layout.archive / "old.wav").write_bytes(b"x")
    (tmp_path / "all" / "new.wav").write_bytes(b"x")
    inbox = InboxFolder(tmp_path / "all", layout, "archive")
    assert [file.name for file in inbox.look().files] == ["new.wav"]


@pytest.mark.parametrize("name", ["", "archive", "originals", "quarantine", "dagster"])
def test_a_folder_of_our_own_is_no_inbox(layout: Layout, name: str) -> None:
    with pytest.raises(SettingInvalid, match="ASR_PIPELINE_INBOX_DIR"):
        InboxFolder(layout.data_dir / name, layout, "archive")


def test_an_inbox_that_is_away_is_told_and_is_back_when_it_is(tmp_path: Path, layout: Layout) -> None:
    mount = tmp_path / "mount"
    inbox = InboxFolder(mount, layout, "archive")
    with pytest.raises(TransientFailure, match="No such file"):
        inbox.look()
    mount.write_text("a file, not a folder")
    with pytest.raises(TransientFailure, match="Not a directory"):
        inbox.look()
    mount.unlink()
    mount.mkdir()
    assert inbox.look().files == []


@pytest.mark.fault
def test_a_disk_that_fails_is_told(inbox: InboxFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(os, "scandir", fail)
    with pytest.raises(TransientFailure, match="Input/output error"):
        inbox.look()


def test_a_file_that_changed_is_not_put_away(inbox: InboxFolder, layout: Layout) -> None:
    path = dropped(inbox, "a.wav")
    file = the_only(inbox)
    path.write_bytes(b"more bytes")
    with pytest.raises(TransientFailure, match="written to since"):
        inbox.put_away(file, SHA256)
    assert path.read_bytes() == b"more bytes"
    assert list(layout.archive.iterdir()) == []


@pytest.mark.fault
def test_a_file_that_is_replaced_in_the_last_moment_is_put_back(
    inbox: InboxFolder, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dropped(inbox, "a.wav")
    file = the_only(inbox)
    rename = Path.rename

    def replace_then_rename(source: Path, target: Path) -> Path:
        (inbox.folder / "new").write_bytes(b"new bytes")
        os.replace(inbox.folder / "new", source)  # noqa: PTH105 - Path.replace is not what is patched, but near
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", replace_then_rename)
    with pytest.raises(TransientFailure):
        inbox.put_away(file, SHA256)
    assert path.read_bytes() == b"new bytes"
    assert list(layout.archive.iterdir()) == []


@pytest.mark.parametrize("after", ["delete", "leave"])
def test_deleted_or_left(layout: Layout, after: str) -> None:
    inbox = InboxFolder(layout.inbox, layout, after)
    path = dropped(inbox, "a.wav")
    assert inbox.put_away(the_only(inbox), SHA256) is None
    assert path.exists() == (after == "leave")
    assert list(layout.archive.iterdir()) == []


def test_what_is_gone_already_is_put_away(inbox: InboxFolder) -> None:
    path = dropped(inbox, "a.wav")
    file = the_only(inbox)
    path.unlink()
    assert inbox.put_away(file, SHA256) is None


@pytest.fixture
def _other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> Path:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))

    monkeypatch.setattr(Path, "rename", refuse)


@pytest.mark.usefixtures("_other_device")
def test_to_another_device_it_is_copied_compared_and_removed(inbox: InboxFolder, layout: Layout) -> None:
    path = dropped(inbox, "a.wav", bytes(range(256)) * 100)
    os.utime(path, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    assert inbox.put_away(the_only(inbox), SHA256) is None
    archived = layout.archive / "a.wav"
    assert archived.read_bytes() == bytes(range(256)) * 100
    assert archived.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert not path.exists()


@pytest.mark.fault
@pytest.mark.usefixtures("_other_device")
def test_a_copy_that_differs_leaves_the_file(
    inbox: InboxFolder, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dropped(inbox, "a.wav")
    monkeypatch.setattr(shutil, "copyfile", lambda _source, target: Path(target).write_bytes(b"bytez"))
    with pytest.raises(TransientFailure):
        inbox.put_away(the_only(inbox), SHA256)
    assert path.read_bytes() == b"bytes"
    assert list(layout.archive.iterdir()) == []


AS_NOBODY = """
import os, sys
from pathlib import Path
from asr_pipeline.storage.inbox import InboxFolder
from asr_pipeline.storage.layout import Layout
os.setgroups([]), os.setgid(65534), os.setuid(65534)
layout = Layout(Path(sys.argv[1]))
inbox = InboxFolder(Path(sys.argv[2]), layout, "archive")
look = inbox.look()
print([file.name for file in look.files], look.closed)
print([(inbox.may_empty(file), inbox.may_read(file)) for file in look.files])
print([inbox.put_away(file, "0" * 64) for file in look.files])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, who lacks rights")
def test_without_permission() -> None:
    with tempfile.TemporaryDirectory() as created:  # pytest's own folders are closed to others
        base = Path(created)
        base.chmod(0o755)
        layout = Layout(base / "data")
        layout.ensure()
        folder = base / "theirs"
        (folder / "closed").mkdir(parents=True)
        (folder / "closed" / "b.wav").write_bytes(b"x")
        (folder / "a.wav").write_bytes(b"x")
        (folder / "a.wav").chmod(0)
        (folder / "closed").chmod(0)
        layout.archive.chmod(0o777)
        finished = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, layout.data_dir, folder],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == [
        "['a.wav'] [('closed', 'Permission denied')]",
        "[(False, False)]",
        f"['{folder}: Permission denied']",
    ]


def test_a_writer_is_seen_while_it_has_the_file_open(inbox: InboxFolder) -> None:
    path = dropped(inbox, "a.wav")
    with path.open("ab"):
        assert writers(path) is Writers.SOME
    with path.open("rb"):
        assert writers(path) is not Writers.SOME
    assert writers(path) is not Writers.SOME
    assert writers(path.parent / "nothing") is not Writers.SOME
    os.mkfifo(path.parent / "pipe")
    assert writers(path.parent / "pipe") is not Writers.SOME


def test_only_one_holds_the_lock(tmp_path: Path) -> None:
    lock_file = tmp_path / "locks" / "inbox.lock"
    with only_one(lock_file) as first:
        assert first
        with only_one(lock_file) as second:
            assert not second
        with only_one(lock_file, wait_s=0.3) as third:
            assert not third
    with only_one(lock_file) as again:
        assert again


MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:30 / /mnt/net\\040work rw - nfs4 server:/share rw
31 30 254:1 / /mnt/net\\040work/disk rw - xfs /dev/vdb rw
32 22 0:31 / /home/fuse rw - fuse.sshfs host: rw
33 32 0:32 / /home/fuse rw - tmpfs none rw
"""


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/a.wav", True),
        ("/mnt/net work/a.wav", False),
        ("/mnt/net work/disk/b/a.wav", True),
        ("/mnt/net worker/a.wav", True),
        ("/home/fuse/a.wav", True),
        ("/home/fuse", True),
    ],
)
def test_a_disk_of_this_machine_is_told_from_others(tmp_path: Path, path: str, own: bool) -> None:  # noqa: FBT001
    (tmp_path / "mounts").write_text(MOUNTS)
    assert is_on_own_disk(Path(path), tmp_path / "mounts") is own
    assert not is_on_own_disk(Path(path), tmp_path / "no such list")


def test_a_file_that_nobody_writes_to_is_known_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"x")
    assert writers(path) is Writers.NONE
    with path.open("ab"):
        assert writers(path) is Writers.SOME
