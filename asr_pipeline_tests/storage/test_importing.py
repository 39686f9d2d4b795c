"""Registering an archive, on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.errors import PipelineError, SettingInvalid
from asr_pipeline.domain.recording import Recording
from asr_pipeline.storage import importing
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.importing import Importer, ImportReport, Keeping
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.retirement import mark_retired
from asr_pipeline.storage.tables import recordings
from asr_pipeline_tests.storage.samples import recording

pytestmark = pytest.mark.database


@dataclass
class Heard:
    """What the listener was told."""

    done_bytes: list[int] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)

    def file_done(self, size_bytes: int) -> None:
        self.done_bytes.append(size_bytes)

    def file_failed(self, path: str, error: PipelineError) -> None:
        self.failed[Path(path).name] = str(error)

    def registered(self, recording_ids: Sequence[str]) -> None:
        self.batches.append(list(recording_ids))

    @property
    def ids(self) -> set[str]:
        return {one for batch in self.batches for one in batch}


@dataclass
class Archive:
    """An archive of files and where it is imported."""

    folder: Path
    layout: Layout
    database: sa.Engine

    def write(self, count: int) -> list[Path]:
        paths = [self.folder / f"memo {number}.wav" for number in range(count)]
        for number, path in enumerate(paths):
            path.write_bytes(b"RIFF memo %d" % number)
        return paths

    def take(self, files: Iterable[Path], keeping: Keeping = Keeping.COPY) -> tuple[ImportReport, Heard]:
        heard = Heard()
        return Importer(self.layout, self.database, keeping, 1000, 2).run(files, heard), heard

    def rows(self) -> list[Recording]:
        return [row.recording for row in SqlRecordStore(self.database).rows()]


@pytest.fixture
def archive(tmp_path: Path, database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setattr(importing, "BATCH_FILES", 4)
    (tmp_path / "archive").mkdir()
    return Archive(tmp_path / "archive", Layout(tmp_path / "data"), database)


@pytest.mark.parametrize("keeping", Keeping)
def test_all_are_registered_in_their_order_with_their_arrivals(archive: Archive, keeping: Keeping) -> None:
    paths = archive.write(10)
    report, heard = archive.take(paths, keeping)
    assert report == ImportReport(new=10, size_bytes=sum(path.stat().st_size for path in paths))
    rows = archive.rows()
    assert [row.name for row in rows] == [path.name for path in paths]
    assert [one for batch in heard.batches for one in batch] == [row.recording_id for row in rows]
    assert all(
        archive.layout.source_of(row).read_bytes() == path.read_bytes() for row, path in zip(rows, paths, strict=True)
    )
    assert all(
        archive.layout.source_of(row).samefile(path) is (keeping is not Keeping.COPY)
        for row, path in zip(rows, paths, strict=True)
    )
    assert (rows[0].source == str(paths[0])) is (keeping is Keeping.IN_PLACE)
    for row, path in zip(rows, paths, strict=True):
        there = path.stat()
        assert SqlArrivals(archive.database).of_recording(row.recording_id) == [
            Arrival(str(path), there.st_size, there.st_mtime_ns, Way.IMPORT, Outcome.ACCEPTED, row.recording_id)
        ]


@pytest.mark.parametrize("keeping", Keeping)
def test_what_is_known_and_unchanged_is_not_read_again(
    archive: Archive, keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = archive.write(10)
    _, first = archive.take(paths[:7], keeping)
    paths[2].unlink()  # a link shares its bytes: writing into it would change the original
    paths[2].write_bytes(b"RIFF new bytes under an old name")
    taken: list[str] = []
    take = Importer._take

    def counted(self: Importer, look: tuple[str, int, int]) -> object:
        taken.append(Path(look[0]).name)
        return take(self, look)

    monkeypatch.setattr(Importer, "_take", counted)
    report, heard = archive.take(paths, keeping)
    assert sorted(taken) == sorted(path.name for path in (paths[2], *paths[7:]))
    assert (report.new, report.known, report.failed) == (4, 6, 0)
    assert heard.ids >= first.ids - {first.batches[0][2]}  # partitions that a crash may have left out are told again
    assert len(archive.rows()) == 11


def test_the_same_bytes_twice_are_one_recording_with_both_names(archive: Archive) -> None:
    paths = archive.write(3)
    copies = [archive.folder / f"copy {number}.wav" for number in range(3)]
    for copy in copies:
        copy.write_bytes(paths[0].read_bytes())
    report, heard = archive.take([*paths, *copies])
    assert (report.new, report.duplicates) == (3, 3)
    first = archive.rows()[0]
    names = [Path(arrival.path).name for arrival in SqlArrivals(archive.database).of_recording(first.recording_id)]
    assert set(names) == {paths[0].name, *(copy.name for copy in copies)}
    assert len(heard.ids) == len(archive.rows()) == 3


def test_bad_files_are_named_and_noted_and_tried_again(archive: Archive) -> None:
    paths = archive.write(6)
    (archive.folder / "empty.wav").touch()
    (archive.folder / "large.wav").write_bytes(b"x" * 1001)
    (archive.folder / "broken.wav").symlink_to("nowhere")
    bad = [archive.folder / name for name in ("empty.wav", "large.wav", "broken.wav")]
    report, heard = archive.take([*bad, archive.folder / "gone.wav", *paths])
    assert (report.new, report.failed) == (6, 4)
    assert set(heard.failed) == {"empty.wav", "large.wav", "broken.wav", "gone.wav"}
    assert "an empty file" in heard.failed["empty.wav"]
    refused = SqlArrivals(archive.database).with_outcome(Outcome.REFUSED)
    assert {Path(one.path).name for one in refused} == {path.name for path in bad}
    assert len(heard.done_bytes) == 10
    (archive.folder / "broken.wav").unlink()
    (archive.folder / "broken.wav").write_bytes(b"RIFF mended")
    report, heard = archive.take([*bad, *paths])
    assert (report.new, report.known, report.failed) == (1, 6, 2)
    refused = SqlArrivals(archive.database).with_outcome(Outcome.REFUSED)
    assert {Path(one.path).name for one in refused} == {"empty.wav", "large.wav"}
    assert all(path.exists() for path in bad)


def test_what_stops_every_file_stops_the_import_and_keeps_what_is_there(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = archive.write(200)

    def refuse(path: Path, *_: object, **__: object) -> Recording:
        if path == paths[-1]:
            raise SettingInvalid("originals", expected="a", found="b", remedy="c")
        return recording(path.name, path.read_bytes())

    monkeypatch.setattr(importing, "link_original", refuse)
    before = threading.active_count()
    with pytest.raises(SettingInvalid):
        archive.take(paths, Keeping.LINK)
    assert len(archive.rows()) >= 160
    assert threading.active_count() <= before


def test_ids_that_meet_cost_only_the_one(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = archive.write(8)
    other = Recording("memo-5-000000000000", "f" * 64, 1, "memo 5.wav", "originals/x")
    SqlRecordStore(archive.database).register([other])

    def same_id(path: Path, *_: object, **__: object) -> Recording:
        made = recording(path.name, path.read_bytes())
        return made if path != paths[5] else Recording(other.recording_id, made.sha256, 1, made.name, "y")

    monkeypatch.setattr(importing, "original_in_place", same_id)
    report, heard = archive.take(paths, Keeping.IN_PLACE)
    assert (report.new, report.failed) == (7, 1)
    assert "share the first digits" in heard.failed["memo 5.wav"]


def test_few_files_are_in_flight_at_a_time(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = archive.write(300)
    offered = 0
    ahead: list[int] = []

    def offering() -> Iterable[Path]:
        nonlocal offered
        for path in paths:
            offered += 1
            yield path

    register = Importer._register

    def counted(self: Importer, batch: Sequence[importing._Taken]) -> None:
        register(self, batch)
        ahead.append(offered - self._report.new)

    monkeypatch.setattr(Importer, "_register", counted)
    archive.take(offering())
    assert max(ahead) <= 2 * importing.FILES_IN_FLIGHT_PER_WORKER + 2 * importing.BATCH_FILES


def test_a_retired_recording_gets_no_partition_from_an_import(archive: Archive) -> None:
    paths = archive.write(3)
    _, first = archive.take(paths)
    retired = min(first.ids)
    mark_retired(archive.database, [retired])
    _, again = archive.take(paths)
    assert again.ids == first.ids - {retired}


def test_a_recording_whose_row_is_lost_is_read_again(archive: Archive) -> None:
    paths = archive.write(3)
    archive.take(paths)
    with archive.database.begin() as connection:
        connection.execute(sa.delete(recordings).where(recordings.c.name == "memo 1.wav"))
    report, _ = archive.take(paths)
    assert (report.new, report.known) == (1, 2)
