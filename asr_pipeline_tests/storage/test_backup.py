"""Backups, written while others commit, and restored on either kind of database; or not at all."""

import gzip
import io
import json
import sqlite3
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline.storage.backup import BackupReport, back_up, estimate_bytes
from asr_pipeline.storage.backup_archive import HEADER, MANIFEST, manifest_line
from asr_pipeline.storage.database import open_database, writing
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.references import SqlReferences
from asr_pipeline.storage.restore import restore
from asr_pipeline.storage.tables import metadata, recordings
from asr_pipeline_tests.storage.house import House
from asr_pipeline_tests.storage.samples import read

pytestmark = pytest.mark.database


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, Layout(tmp_path / "data"))


@pytest.fixture
def target(empty_database_url: str) -> Iterator[sa.Engine]:
    engine = open_database(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def small(tmp_path: Path, _sqlite_template: Path) -> Iterator[House]:
    """Give a house of one recording on SQLite."""
    file = tmp_path / "small.db"
    file.write_bytes(_sqlite_template.read_bytes())
    engine = open_database(f"sqlite:///{file}")
    house = House(engine, Layout(tmp_path / "small"))
    house.finish("one.wav")
    yield house
    engine.dispose()


def save_backup(house: House, file: Path, advance: Callable[[int], None] = lambda _: None) -> BackupReport:
    return back_up(house.engine, house.layout, file, models=False, advance=advance)


def put_back(engine: sa.Engine, data_dir: Path, file: Path, *, force: bool = False) -> House:
    layout = Layout(data_dir)
    restore(engine, layout, file, force=force, advance=lambda _: None)
    return House(engine, layout)


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_house_at_work_is_restored_on_either_kind_of_database(
    house: House, target: sa.Engine, tmp_path: Path
) -> None:
    ids = [house.finish("one.wav"), house.finish("[two] سلام caf\udce9.wav")]
    at_work = house.register("at work.wav")
    house.commit(at_work, Stage.RAW_AUDIO)
    strange = house.layout.archive / "caf\udce9 'سلام'\n.wav"
    strange.write_bytes(b"as it came")
    (house.layout.originals / f"{PARTIAL_PREFIX}0").write_bytes(b"half")
    number = count()

    def others_at_work(_: int) -> None:
        if (n := next(number)) < 20:
            house.finish(f"late-{n}.wav")

    report = save_backup(house, tmp_path / "house.tar.gz", others_at_work)
    assert report.left_out == []
    assert report.outside == []
    there = put_back(target, tmp_path / "elsewhere", tmp_path / "house.tar.gz")
    restored = {row.recording.recording_id for row in there.store.rows()}
    assert {*ids, at_work} <= restored
    assert len(restored) < 20
    for recording_id in ids:
        assert read(there.store, recording_id) == read(house.store, recording_id)
        assert there.store.recording(recording_id) == house.store.recording(recording_id)
    assert there.verify(deep=True, young_s=-1).equation.holds
    assert there.found(deep=True, young_s=-1) == []
    copy = there.layout.archive / strange.name
    assert copy.read_bytes() == b"as it came"
    assert abs(copy.stat().st_mtime_ns - strange.stat().st_mtime_ns) < 1000
    assert not any(PARTIAL_PREFIX in name for name in files_in(there.layout.data_dir))
    new = there.finish("new.wav")
    assert there.store.rows()[-1].recording.recording_id == new
    assert there.found() == []


def test_rows_are_the_same_to_the_last_bit(house: House, target: sa.Engine, tmp_path: Path) -> None:
    SqlReferences(house.engine).put(house.finish("one.wav"), "what was said, of \x00 and \\")
    save_backup(house, tmp_path / "house.tar.gz")
    there = put_back(target, tmp_path / "elsewhere", tmp_path / "house.tar.gz")
    for table in metadata.sorted_tables:
        query = sa.select(table).order_by(*table.primary_key.columns)
        with house.engine.connect() as source, there.engine.connect() as copy:
            assert copy.execute(query).all() == source.execute(query).all(), table.name


def test_a_databases_own_files_are_copied_as_one_state(small: House, tmp_path: Path) -> None:
    home = small.layout.dagster_home / "history"
    home.mkdir()
    (small.layout.dagster_home / "dagster.yaml").write_text(f"base_dir: {small.layout.dagster_home}\n")
    with closing(sqlite3.connect(home / "runs.db")) as runs:
        runs.execute("PRAGMA journal_mode = WAL")
        runs.execute("CREATE TABLE runs (id TEXT)")
        runs.execute("INSERT INTO runs VALUES ('one')")
        runs.commit()
        assert (home / "runs.db-wal").exists()
        save_backup(small, tmp_path / "house.tar.gz")
    with closing(open_database(f"sqlite:///{tmp_path / 'other.db'}").raw_connection()):
        pass
    engine = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    there = put_back(engine, tmp_path / "other", tmp_path / "house.tar.gz")
    engine.dispose()
    restored = there.layout.dagster_home
    assert files_in(restored) == {"dagster.yaml", "history/runs.db"}
    assert (restored / "dagster.yaml").read_text() == f"base_dir: {restored}\n"
    with closing(sqlite3.connect(restored / "history" / "runs.db")) as runs:
        assert runs.execute("SELECT id FROM runs").fetchall() == [("one",)]


def test_what_is_not_in_it_is_told(small: House, tmp_path: Path) -> None:
    one = small.store.rows()[0].recording
    outside = tmp_path / "archive" / "one.wav"
    outside.parent.mkdir()
    small.layout.source_of(one).rename(outside)
    with writing(small.engine) as connection:
        connection.execute(sa.update(recordings).values(source=str(outside)))
    (small.layout.archive / "link").symlink_to("/etc/passwd")
    report = save_backup(small, tmp_path / "house.tar.gz")
    assert report.outside == [str(outside)]
    assert report.left_out == ["archive/link"]


def test_what_retention_removes_meanwhile_is_noted_as_removed(small: House, tmp_path: Path) -> None:
    one = small.store.rows()[0].recording
    calls = count()

    def retention(_: int) -> None:
        if next(calls) == 3:  # the tables are being read
            with writing(small.engine) as connection:
                connection.execute(sa.text("UPDATE recordings SET original_removed_at = '2036-01-01 00:00:00.000000'"))
            small.layout.source_of(one).unlink()

    save_backup(small, tmp_path / "house.tar.gz", retention)
    engine = open_database(f"sqlite:///{tmp_path / 'other.db'}")
    there = put_back(engine, tmp_path / "other", tmp_path / "house.tar.gz")
    assert not there.layout.source_of(one).exists()
    assert there.found() == []
    engine.dispose()


def test_it_is_private_and_replaces_the_one_before_as_a_whole(small: House, tmp_path: Path) -> None:
    file = tmp_path / "backups" / "house.tar.gz"
    save_backup(small, file)
    first = file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_backup(small, file, fail)
    assert file.read_bytes() == first
    assert list(file.parent.iterdir()) == [file]


def test_bytes_that_are_read_are_those_that_were_estimated(small: House, tmp_path: Path) -> None:
    estimated, read_bytes = estimate_bytes(small.layout, models=False), 0

    def advance(some: int) -> None:
        nonlocal read_bytes
        read_bytes += some

    report = save_backup(small, tmp_path / "house.tar.gz", advance)
    assert estimated < read_bytes == report.size_bytes


def repacked(file: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> Path:
    """Write an archive anew with other members, and a manifest that agrees with them."""
    with tarfile.open(file) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
    members = [one for one in members if one[0].name != MANIFEST]
    change(members)
    lines = b""
    bad = file.with_name("bad.tar.gz")
    with tarfile.open(bad, "w:gz", format=tarfile.PAX_FORMAT) as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            lines += _line(member.name, data)
        manifest = tarfile.TarInfo(MANIFEST)
        manifest.size = len(lines)
        tar.addfile(manifest, io.BytesIO(lines))
    return bad


def _line(name: str, data: bytes) -> bytes:
    import hashlib  # noqa: PLC0415

    return manifest_line(name, len(data), hashlib.sha256(data))


def _member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member, b"" if kind != tarfile.REGTYPE else b"evil"


@pytest.mark.parametrize(
    "evil",
    [
        _member("originals/../../evil"),
        _member("/tmp/evil"),  # noqa: S108 - never written
        _member("evil"),
        _member("originals//evil"),
        _member("asr_pipeline.db"),
        _member("originals/evil", tarfile.SYMTYPE, "/etc"),
        _member("originals/evil", tarfile.LNKTYPE, "backup.json"),
        _member("originals/evil", tarfile.FIFOTYPE),
        _member("originals/evil", tarfile.CHRTYPE),
        _member("originals/evil", tarfile.DIRTYPE),
        _member(HEADER),
        _member("originals/" + "x" * 300),
        _member("dagster/" + "x/" * 3000 + "x"),
    ],
    ids=lambda one: f"{one[0].name[:20]!r}-{one[0].type!r}",
)
def test_nothing_leads_elsewhere(small: House, tmp_path: Path, evil: tuple[tarfile.TarInfo, bytes]) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    bad = repacked(tmp_path / "house.tar.gz", lambda members: members.append(evil))
    refuse(bad, tmp_path)
    assert not list(tmp_path.rglob("evil*"))


def refuse(file: Path, tmp_path: Path) -> None:
    """Expect that an archive is refused, and that nothing has changed."""
    data_dir = tmp_path / "target"
    engine = open_database(f"sqlite:///{tmp_path / 'target.db'}")
    with pytest.raises(SetupError, match=file.name) as caught:
        put_back(engine, data_dir, file)
    engine.dispose()
    assert "Nothing was restored" in str(caught.value)
    assert files_in(data_dir) <= {".lock-restore"}


def test_a_truncated_one_is_refused_wherever_it_ends(small: House, tmp_path: Path) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    whole = (tmp_path / "house.tar.gz").read_bytes()
    bad = tmp_path / "bad.tar.gz"
    for length in [0, 1, 10, *range(100, len(whole), len(whole) // 12), len(whole) - 9, len(whole) - 1]:
        bad.write_bytes(whole[:length])
        refuse(bad, tmp_path)
    plain = gzip.decompress(whole)
    for length in range(512, len(plain) - 10_240, len(plain) // 10 // 512 * 512):  # cut at a block, then packed well
        bad.write_bytes(gzip.compress(plain[:length], 1))
        refuse(bad, tmp_path)


def test_a_flipped_byte_is_refused_wherever_it_is(small: House, tmp_path: Path) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    whole = (tmp_path / "house.tar.gz").read_bytes()
    bad = tmp_path / "bad.tar.gz"
    for place in range(10, len(whole), len(whole) // 25):
        bad.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        if not _unpacks_alike(bad, whole):
            refuse(bad, tmp_path)
    plain = bytearray(gzip.decompress(whole))
    place = plain.index(b"the bytes of one.wav")
    plain[place] ^= 1
    bad.write_bytes(gzip.compress(bytes(plain)))
    refuse(bad, tmp_path)


def _unpacks_alike(file: Path, whole: bytes) -> bool:
    """Tell whether a flipped bit is one that deflate does not use."""
    try:
        return gzip.decompress(file.read_bytes()) == gzip.decompress(whole)
    except (zlib.error, EOFError, OSError):
        return False


def test_other_files_are_refused(small: House, tmp_path: Path) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    good = tmp_path / "house.tar.gz"
    missing = tmp_path / "missing.tar.gz"
    text = tmp_path / "text.tar.gz"
    text.write_text("no archive")
    foreign = tmp_path / "foreign.tar.gz"
    with tarfile.open(foreign, "w:gz") as tar:
        tar.add(text, "notes.txt")

    def newer(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        header: dict[str, Any] = json.loads(members[0][1])
        members[0] = (members[0][0], json.dumps(header | {"format": 99}).encode())

    for file in (missing, text, foreign):
        engine = open_database(f"sqlite:///{tmp_path / 'target.db'}")
        with pytest.raises(SetupError, match=file.name):
            put_back(engine, tmp_path / "target", file)
        engine.dispose()
    refuse(repacked(good, newer), tmp_path)

    def of_the_future(members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
        header: dict[str, Any] = json.loads(members[0][1])
        members[0] = (members[0][0], json.dumps(header | {"revision": "9999"}).encode())

    engine = open_database(f"sqlite:///{tmp_path / 'target.db'}")
    with pytest.raises(SettingInvalid, match="newest asr-pipeline"):
        put_back(engine, tmp_path / "target", repacked(good, of_the_future))
    engine.dispose()


def test_a_target_that_is_not_empty_is_kept_unless_forced(small: House, house: House, tmp_path: Path) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    mine = house.finish("mine.wav")
    with pytest.raises(SetupError, match="--force"):
        put_back(house.engine, house.layout.data_dir, tmp_path / "house.tar.gz")
    with pytest.raises(SetupError, match="rows in recordings"):
        put_back(house.engine, tmp_path / "empty", tmp_path / "house.tar.gz")
    assert house.found() == []
    assert [row.recording.recording_id for row in house.store.rows()] == [mine]
    there = put_back(house.engine, house.layout.data_dir, tmp_path / "house.tar.gz", force=True)
    assert [row.recording for row in there.store.rows()] == [row.recording for row in small.store.rows()]
    assert there.found(deep=True, young_s=-1) == []


def test_an_error_at_the_last_moment_leaves_everything_as_it_was(
    small: House, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    mine = house.finish("mine.wav")
    real = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if target.name == "results":
            raise OSError(18, "Invalid cross-device link")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(SetupError, match="one disk"):
        put_back(house.engine, house.layout.data_dir, tmp_path / "house.tar.gz", force=True)
    assert [row.recording.recording_id for row in house.store.rows()] == [mine]
    assert house.found(deep=True, young_s=-1) == []


def test_what_a_killed_restore_left_is_removed_by_the_next(small: House, tmp_path: Path) -> None:
    save_backup(small, tmp_path / "house.tar.gz")
    leftover = tmp_path / "target" / f"{PARTIAL_PREFIX}restore-0" / "originals"
    leftover.mkdir(parents=True)
    (leftover / "half.wav").write_bytes(b"half")
    engine = open_database(f"sqlite:///{tmp_path / 'target.db'}")
    there = put_back(engine, tmp_path / "target", tmp_path / "house.tar.gz")
    assert there.found(deep=True, young_s=-1) == []
    assert not leftover.parent.exists()
    engine.dispose()
