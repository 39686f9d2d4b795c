"""From the inbox to a registered recording: real files and databases, and a crash at each point."""

import datetime as dt
import hashlib
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.errors import (
    EngineFailed,
    PermanentFailure,
    StorageFull,
    StoreUnavailable,
    TransientFailure,
    UnreadableAudio,
)
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.steps.ingest import Ingest, IngestReport
from asr_pipeline.storage import originals, verified
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.inbox import InboxFolder
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.quarantine import QuarantineFolder, refused_id
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.tables import recordings
from asr_pipeline.wiring.storage import Storage
from asr_pipeline_tests.storage.samples import RUN, outcomes

pytestmark = pytest.mark.database
BYTES = b"RIFF" + bytes(range(256)) * 10


class Crash(BaseException):
    """The process ends here: nothing catches it, as nothing catches `kill -9`."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.fixture
def make_intake(tmp_path: Path, database: sa.Engine) -> Callable[[str], Storage]:
    def make(after: str) -> Storage:
        layout = Layout(tmp_path / "data")
        layout.ensure()
        settings = load_settings(data_dir=layout.data_dir, max_size_bytes=1_000_000)
        inbox = InboxFolder(layout.inbox, layout, after)
        store, arrivals = SqlRecordStore(database), SqlArrivals(database)
        return Storage(settings, layout, database, store, arrivals, inbox, QuarantineFolder(layout))

    return make


@pytest.fixture
def storage(make_intake: Callable[[str], Storage]) -> Iterator[Storage]:
    return make_intake("archive")  # type: ignore[return-value]  # a fixture may also give


def drop(storage: Storage, name: str, content: bytes = BYTES) -> Path:
    path = storage.inbox.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tick(storage: Storage, *, most_s: float = 600) -> IngestReport:
    files = storage.ingest.sort_out(storage.inbox.look().files)
    return storage.ingest.take(files, most_s=most_s)


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def is_taken_once(storage: Storage, name: str, content: bytes = BYTES) -> bool:
    """Tell whether a file is one recording, one arrival, one original and one file in the archive."""
    (row,) = storage.store.rows()
    (arrival,) = storage.arrivals.of_recording(row.recording.recording_id)
    (original,) = files_below(storage.layout.originals)
    (archived,) = files_below(storage.layout.archive)
    sha256 = hashlib.sha256(content).hexdigest()
    assert files_below(storage.inbox.folder) == []
    assert files_below(storage.quarantine.folder) == []
    return (
        row.recording.sha256 == sha256
        and original.read_bytes() == archived.read_bytes() == content
        and arrival.path == str(storage.inbox.folder / name)
        and archived == storage.layout.archive / name
        and len(storage.arrivals.with_outcome(Outcome.ACCEPTED)) == 1
    )


@pytest.mark.parametrize(
    "name",
    [
        "a b.wav",
        'it\'s "$(x)".wav',
        "two\nlines.wav",
        "سلام 🎧.wav",
        "x" * 251 + ".wav",
        os.fsdecode(b"caf\xe9.wav"),
        "sub/folder/a.wav",
    ],
)
def test_a_file_is_stored_registered_and_archived(storage: Storage, name: str) -> None:
    drop(storage, name)
    report = tick(storage)
    assert list(report.accepted) == [name]
    assert is_taken_once(storage, name)
    assert tick(storage) == IngestReport()


@pytest.mark.fault
@pytest.mark.parametrize(
    "point",
    [
        "nothing is read yet",
        "bytes copied",
        "bytes published",
        "bytes verified",
        "registered",
        "archive chosen",
        "archived",
    ],
)
def test_a_crash_at_any_point_is_healed_by_the_next_tick(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    drop(storage, "a.wav")
    with monkeypatch.context() as patched:
        match point:
            case "nothing is read yet":
                patched.setattr(originals, "_readable", crash)
            case "bytes copied":
                patched.setattr(originals, "publish", crash)
            case "bytes published":
                patched.setattr(verified, "_hash_of", crash)
            case "bytes verified":
                patched.setattr(SqlRecordStore, "register", crash)
            case "registered":
                patched.setattr(InboxFolder, "put_away", crash)
            case "archive chosen":
                patched.setattr(Path, "rename", crash)
            case "archived":
                put_away = InboxFolder.put_away

                def put_away_then_crash(*given: object) -> None:
                    put_away(*given)  # type: ignore[arg-type]
                    raise Crash

                patched.setattr(InboxFolder, "put_away", put_away_then_crash)
        with pytest.raises(Crash):
            tick(storage)
    tick(storage)
    assert is_taken_once(storage, "a.wav")


@pytest.mark.fault
@pytest.mark.parametrize("point", ["noted", "reason written", "moved"])
def test_a_crash_while_refusing_is_healed(storage: Storage, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    path = drop(storage, "empty.wav", b"")
    with monkeypatch.context() as patched:
        if point == "noted":
            patched.setattr(QuarantineFolder, "put", crash)
        elif point == "reason written":
            patched.setattr(Path, "rename", crash)
        else:
            rename = Path.rename

            def rename_then_crash(source: Path, target: Path) -> None:
                rename(source, target)
                raise Crash

            patched.setattr(Path, "rename", rename_then_crash)
        with pytest.raises(Crash):
            tick(storage)
    tick(storage)
    assert not path.exists()
    (reason,) = storage.quarantined()
    assert reason.found == "an empty file"
    file = storage.quarantine.file_of(reason.entry_id)
    assert file is not None
    assert len(files_below(storage.quarantine.folder)) == 2
    assert outcomes(storage.arrivals) == {Outcome.ACCEPTED: 0, Outcome.REFUSED: 1, Outcome.DROPPED: 0}
    assert files_below(storage.layout.originals) == []


def test_the_same_bytes_are_one_recording_with_all_names(storage: Storage) -> None:
    for name in ("a.wav", "b.mp3", "sub/a.wav"):
        drop(storage, name)
    tick(storage)
    drop(storage, "late.wav")
    tick(storage)
    (row,) = storage.store.rows()
    paths = [Path(one.path).name for one in storage.arrivals.of_recording(row.recording.recording_id)]
    assert sorted(paths) == ["a.wav", "a.wav", "b.mp3", "late.wav"]
    assert len(files_below(storage.layout.originals)) == 1
    assert len(files_below(storage.layout.archive)) == 4
    assert files_below(storage.inbox.folder) == []


def test_the_same_name_with_new_bytes_is_a_new_recording(storage: Storage) -> None:
    stamp_ns = 1_700_000_000_000_000_000
    for content in (b"one" * 100, b"two" * 100):
        os.utime(drop(storage, "a.wav", content), ns=(stamp_ns, stamp_ns))  # as large, and as old
        tick(storage)
    first, second = storage.store.rows()
    assert first.recording.sha256 != second.recording.sha256
    assert {path.read_bytes() for path in files_below(storage.layout.archive)} == {b"one" * 100, b"two" * 100}


def test_what_is_left_is_not_read_again_until_it_changes(
    make_intake: Callable[[str], Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = make_intake("leave")
    path = drop(storage, "a.wav")
    empty = drop(storage, "empty.wav", b"")
    report = tick(storage)
    assert list(report.accepted) == ["a.wav"]
    assert "left where they are" in report.refused["empty.wav"]
    with monkeypatch.context() as patched:
        patched.setattr(Ingest, "_take", crash)
        assert tick(storage) == IngestReport()
    assert path.exists()
    assert empty.exists()
    path.write_bytes(b"other" * 100)
    empty.write_bytes(b"no longer empty")
    assert sorted(tick(storage).accepted) == ["a.wav", "empty.wav"]
    assert len(storage.store.rows()) == 3


def test_deleted_only_after_the_stored_bytes_were_read_back(make_intake: Callable[[str], Storage]) -> None:
    storage = make_intake("delete")
    drop(storage, "a.wav")
    tick(storage)
    (original,) = files_below(storage.layout.originals)
    original.write_bytes(b"x" * len(BYTES))  # it goes bad on the disk
    drop(storage, "again.wav")
    tick(storage)
    assert original.read_bytes() == BYTES
    assert files_below(storage.inbox.folder) == []
    assert files_below(storage.layout.archive) == []


def test_an_original_that_retention_removed_is_back_when_its_file_comes_again(storage: Storage) -> None:
    drop(storage, "a.wav")
    tick(storage)
    (row,) = storage.store.rows()
    original = storage.layout.source_of(row.recording)
    original.unlink()
    with writing(storage.database) as connection:
        connection.execute(sa.update(recordings).values(original_removed_at=dt.datetime.now(dt.UTC)))
    drop(storage, "by another name.mp3")
    tick(storage)
    assert files_below(storage.layout.originals) == [original]
    assert original.read_bytes() == BYTES
    with reading(storage.database) as connection:
        assert connection.execute(sa.select(recordings.c.original_removed_at)).scalar() is None


def test_an_original_outside_that_has_changed_is_not_touched(storage: Storage, tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    outside.write_bytes(b"x" * len(BYTES))
    sha256 = hashlib.sha256(BYTES).hexdigest()
    storage.store.register([Recording("r-0123456789ab", sha256, len(BYTES), "outside.wav", str(outside))])
    path = drop(storage, "a.wav")
    assert str(outside) in tick(storage).waiting["a.wav"]
    assert outside.read_bytes() == b"x" * len(BYTES)
    assert path.exists()
    outside.write_bytes(BYTES)
    assert list(tick(storage).accepted) == ["a.wav"]
    assert not path.exists()


@pytest.mark.fault
def test_bytes_that_do_not_stay_as_written_leave_the_file(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drop(storage, "a.wav")
    monkeypatch.setattr(verified, "_hash_of", lambda _: "0" * 64)
    report = tick(storage)
    assert "Check the disk" in report.waiting["a.wav"]
    assert path.exists()
    assert storage.store.rows() == []


def test_what_can_not_be_taken_goes_to_quarantine_with_its_reason(storage: Storage, tmp_path: Path) -> None:
    inbox = storage.inbox.folder
    (tmp_path / "secret.wav").write_bytes(b"secret")
    drop(storage, "empty.wav", b"")
    drop(storage, "large.wav", b"x" * 1_000_001)
    os.mkfifo(inbox / "pipe.wav")
    (inbox / "outside.wav").symlink_to(tmp_path / "secret.wav")
    (inbox / os.fsdecode(b"bro\xe9ken\n.wav")).symlink_to("nowhere")
    (inbox / "folder.wav").mkdir()
    drop(storage, "fine.wav")
    report = tick(storage)
    assert list(report.accepted) == ["fine.wav"]
    assert sorted(inbox.iterdir()) == [inbox / "folder.wav"]
    reasons = {reason.name: reason for reason in storage.quarantined()}
    assert {name: (reason.kind, reason.found) for name, reason in reasons.items()} == {
        "empty.wav": ("UnreadableAudio", "an empty file"),
        "large.wav": ("LimitExceeded", "1,000,001 bytes"),
        "pipe.wav": ("UnreadableAudio", "a named pipe"),
        "outside.wav": ("UnreadableAudio", f"a link that leads outside the inbox, to {tmp_path / 'secret.wav'}"),
        os.fsdecode(b"bro\xe9ken\n.wav"): ("UnreadableAudio", "a link that leads nowhere"),
    }
    for reason in reasons.values():
        file = storage.quarantine.file_of(reason.entry_id)
        assert file is not None
        assert file.name == reason.file
        assert file.name.isascii()
        assert reason.remedy
        assert reason.path == str(inbox / reason.name)
    pipe = storage.quarantine.file_of(reasons["pipe.wav"].entry_id)
    assert pipe is not None
    assert stat.S_ISFIFO(pipe.lstat().st_mode)
    assert tick(storage) == IngestReport()
    assert outcomes(storage.arrivals) == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 5, Outcome.DROPPED: 0}


@pytest.mark.fault
@pytest.mark.parametrize("error", [StorageFull, StoreUnavailable])
def test_what_would_meet_all_ends_the_tick_and_leaves_everything(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, error: type[TransientFailure]
) -> None:
    for name in ("a.wav", "b.wav"):
        drop(storage, name, name.encode())

    def fail(*_: object) -> None:
        raise error("disk", expected="room", found="none", remedy="Make some.")

    with monkeypatch.context() as patched:
        patched.setattr(SqlRecordStore, "register", fail)
        assert list(tick(storage).waiting) == ["a.wav"]
    assert len(files_below(storage.inbox.folder)) == 2
    assert sorted(tick(storage).accepted) == ["a.wav", "b.wav"]


@pytest.mark.parametrize("before", [b"", b"other bytes"])
def test_a_file_that_changes_or_goes_meanwhile_is_left_for_later(storage: Storage, before: bytes) -> None:
    path = drop(storage, "a.wav", before)
    gone = drop(storage, "gone.wav", b"")
    files = storage.inbox.look().files
    path.write_bytes(BYTES)
    gone.unlink()
    report = storage.ingest.take(files, most_s=600)
    assert sorted(report.waiting) == ["a.wav", "gone.wav"]
    assert sum(outcomes(storage.arrivals).values()) == 0
    assert list(tick(storage).accepted) == ["a.wav"]
    assert is_taken_once(storage, "a.wav")


def test_a_tick_ends_when_its_time_is_up_but_takes_one_at_least(storage: Storage) -> None:
    for number in range(3):
        drop(storage, f"{number}.wav", b"%d" % number)
    assert [len(tick(storage, most_s=-1).accepted) for _ in range(4)] == [1, 1, 1, 0]


def test_a_dropped_recording_that_is_offered_again_is_in_progress_again(storage: Storage) -> None:
    drop(storage, "a.wav")
    tick(storage)
    (row,) = storage.store.rows()
    recording_id = row.recording.recording_id
    error = PermanentFailure("a.wav", expected="audio", found="noise", remedy="Record it again.")
    storage.store.save_failure(recording_id, Stage.RAW_AUDIO, error, RUN)
    (reason,) = storage.quarantined()
    storage.drop(reason)
    (row,) = storage.store.rows()
    assert (row.state, row.reason) == (RecordingState.DROPPED, str(error))
    assert storage.quarantined() == []
    assert files_below(storage.quarantine.folder) == []
    drop(storage, "b.wav")
    tick(storage)
    (row,) = storage.store.rows()
    assert (row.state, row.reason, row.failed_stage) == (RecordingState.IN_PROGRESS, None, None)


def test_listing_makes_the_folder_agree_with_the_database(storage: Storage) -> None:
    drop(storage, "a.wav")
    tick(storage)
    (row,) = storage.store.rows()
    recording_id = row.recording.recording_id
    error = PermanentFailure("a.wav", expected="audio", found="noise", remedy="Record it again.")
    storage.store.save_failure(recording_id, Stage.RAW_AUDIO, error, RUN)  # and the process ends before it is shown
    (reason,) = storage.quarantined()
    assert (reason.entry_id, reason.message) == (recording_id, str(error))
    assert len(files_below(storage.quarantine.folder)) == 2
    storage.store.drop(recording_id)  # and the process ends before it is taken away
    assert storage.quarantined() == []
    assert files_below(storage.quarantine.folder) == []
    (storage.quarantine.folder / "unknown-0.reason.json").write_text(
        "{}"
    )  # of what SQL does not know nothing is removed
    assert storage.quarantined() == []
    assert len(files_below(storage.quarantine.folder)) == 1


def test_an_import_that_is_repeated_brings_nothing_back(storage: Storage) -> None:
    drop(storage, "a.wav")
    tick(storage)
    (row,) = storage.store.rows()
    one = row.recording
    error = PermanentFailure("a.wav", expected="audio", found="noise", remedy="Record it again.")
    storage.store.save_failure(one.recording_id, Stage.RAW_AUDIO, error, RUN)
    storage.store.drop(one.recording_id)
    storage.store.register([one], [Arrival("/archive/a.wav", 1, 1, Way.IMPORT, Outcome.ACCEPTED, one.recording_id)])
    assert storage.store.rows()[0].state is RecordingState.DROPPED


def test_only_what_failed_can_be_dropped(storage: Storage) -> None:
    drop(storage, "a.wav")
    tick(storage)
    (row,) = storage.store.rows()
    recording_id = row.recording.recording_id
    assert not storage.store.drop(recording_id)
    failure = EngineFailed("a.wav", expected="text", found="none", remedy="Again.")
    storage.store.save_failure(recording_id, Stage.TRANSCRIPTS, failure, RUN)
    assert storage.store.drop(recording_id)
    with pytest.raises(KeyError):
        storage.store.drop("nobody-000000000000")


def test_a_refused_file_is_taken_again_once_the_cause_is_mended(storage: Storage) -> None:
    path = drop(storage, "sub/large.wav", b"x" * 2_000_000)
    tick(storage)
    (arrival,) = storage.arrivals.with_outcome(Outcome.REFUSED)
    entry_id = refused_id(arrival.path, arrival.size_bytes, arrival.mtime_ns)
    file = storage.quarantine.file_of(entry_id)
    assert file is not None
    patient = Storage(
        load_settings(data_dir=storage.layout.data_dir),
        storage.layout,
        storage.database,
        storage.store,
        storage.arrivals,
        storage.inbox,
        storage.quarantine,
    )
    recording = patient.ingest.retry(storage.inbox.found(file, "sub/large.wav"), arrival)
    assert recording.name == "large.wav"
    assert files_below(storage.quarantine.folder) == []
    assert (storage.layout.archive / "sub" / "large.wav").is_file()
    (again,) = storage.arrivals.of_recording(recording.recording_id)
    assert again.path == str(path)
    assert outcomes(storage.arrivals) == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 0, Outcome.DROPPED: 0}


@pytest.mark.parametrize("after", ["archive", "delete"])
def test_a_refused_file_of_another_folder_stays_there(
    make_intake: Callable[[str], Storage], tmp_path: Path, after: str
) -> None:
    storage = make_intake(after)
    path = tmp_path / "talk.wav"
    path.touch()
    error = UnreadableAudio(str(path), expected="audio", found="an empty file", remedy="Copy it again.")
    for nothing in (tmp_path, tmp_path / "gone.wav", Path("a\0b"), Path("/dev/null")):
        storage.note_refused(nothing, Way.PROCESS, error)
    storage.note_refused(path, Way.PROCESS, error)
    (arrival,) = storage.arrivals.with_outcome(Outcome.REFUSED)
    (reason,) = storage.quarantined()
    assert (reason.path, reason.message, reason.file) == (str(path), str(error), None)
    assert dt.datetime.fromisoformat(reason.when) <= dt.datetime.now(dt.UTC)
    path.write_bytes(BYTES)
    there = FoundFile(path, path.name, arrival.size_bytes, arrival.mtime_ns, 0.0)
    recording = storage.ingest.retry(there, arrival)
    assert [one.path for one in storage.arrivals.of_recording(recording.recording_id)] == [str(path)]
    assert path.read_bytes() == BYTES
    assert storage.quarantined() == []


def test_a_refused_file_that_is_given_up_is_counted_as_dropped(storage: Storage) -> None:
    drop(storage, "empty.wav", b"")
    tick(storage)
    (reason,) = storage.quarantined()
    storage.drop(reason)
    assert files_below(storage.quarantine.folder) == []
    (arrival,) = storage.arrivals.with_outcome(Outcome.DROPPED)
    assert "empty" in (arrival.reason or "")


def test_a_link_inside_is_taken_with_the_file_that_it_leads_to(storage: Storage) -> None:
    drop(storage, "z.wav")
    (storage.inbox.folder / "a link.wav").symlink_to("z.wav")
    report = tick(storage)
    assert len(set(report.accepted.values())) == 1
    assert sorted(report.accepted) == ["a link.wav", "z.wav"]
    assert list(storage.inbox.folder.iterdir()) == []
    assert [path.name for path in files_below(storage.layout.archive)] == ["z.wav"]


AS_NOBODY = """
import os, sys
from pathlib import Path
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.storage import open_storage

data_dir, inbox = map(Path, sys.argv[1:])
settings = load_settings(data_dir=data_dir, inbox_dir=inbox)
with open_storage(settings):  # what is imported late is imported while it may be read
    pass
for folder, _, files in os.walk(data_dir):
    for path in (folder, *(os.path.join(folder, file) for file in files)):
        os.chown(path, 65534, 65534)
os.setgroups([]), os.setgid(65534), os.setuid(65534)

def tick(storage):
    report = storage.ingest.take(storage.ingest.sort_out(storage.inbox.look().files), most_s=600)
    print(sorted(report.accepted), sorted(report.refused), sorted(report.waiting))
    return report

with open_storage(settings) as storage:
    print(tick(storage).refused["closed.wav"])
    tick(storage)
    (inbox / "open.wav").exists() and print("stays")
    print([reason.found for reason in storage.quarantined()])
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user, who lacks rights")
def test_what_may_not_be_read_or_moved_is_noted_once() -> None:
    with tempfile.TemporaryDirectory() as created:  # pytest's own folders are closed to others
        base = Path(created)
        base.chmod(0o755)
        inbox = base / "inbox"
        inbox.mkdir()
        (inbox / "open.wav").write_bytes(BYTES)
        (inbox / "closed.wav").write_bytes(BYTES)
        (inbox / "closed.wav").chmod(0)
        finished = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, base / "data", inbox],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    assert finished.returncode == 0, finished.stderr
    first, reason, second, stays, quarantined = finished.stdout.splitlines()
    assert first == "['open.wav'] ['closed.wav'] []"
    assert "Permission denied" in reason
    assert "It stays where it is" in reason
    assert (second, stays, quarantined) == ("[] [] []", "stays", "['Permission denied']")
