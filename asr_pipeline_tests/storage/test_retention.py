"""Originals past retention: removed only where nothing needs them, on SQLite and PostgreSQL."""

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import EngineFailed, UnreadableAudio
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.originals import store_original
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.retention import remove_old_originals
from asr_pipeline_tests.storage.samples import RUN, results, save

pytestmark = pytest.mark.database
LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@pytest.fixture
def store(database: sa.Engine) -> SqlRecordStore:
    return SqlRecordStore(database)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


def registered(store: SqlRecordStore, layout: Layout, name: str, *, done: bool = True) -> Recording:
    source = layout.data_dir.parent / name
    source.write_bytes(name.encode())
    one = store_original(source, layout)
    store.register([one])
    for stage in Stage if done else ():
        save(store, stage, one.recording_id, results(one.recording_id, utterances=1))
    return one


def test_only_what_nothing_needs_is_removed(database: sa.Engine, store: SqlRecordStore, layout: Layout) -> None:
    done, busy = registered(store, layout, "done.wav"), registered(store, layout, "busy.wav")
    waiting, failed, corrupt = (
        registered(store, layout, f"{name}.wav", done=False) for name in ("waiting", "failed", "corrupt")
    )
    away = EngineFailed("engine", expected="a result", found="none", remedy="Wait.")
    store.save_failure(failed.recording_id, Stage.RAW_AUDIO, away, RUN)
    noise = UnreadableAudio("corrupt.wav", expected="audio", found="noise", remedy="Copy it again.")
    store.save_failure(corrupt.recording_id, Stage.RAW_AUDIO, noise, RUN)

    removed = list(remove_old_originals(database, layout, done_before=LATER, in_use=[busy.recording_id]))
    assert removed == [(done.recording_id, done.size_bytes)]
    assert not layout.source_of(done).exists()
    assert all(layout.source_of(one).exists() for one in (busy, waiting, failed, corrupt))
    assert list(remove_old_originals(database, layout, done_before=LATER, in_use=[busy.recording_id])) == []


def test_what_is_young_stays(database: sa.Engine, store: SqlRecordStore, layout: Layout) -> None:
    one = registered(store, layout, "done.wav")
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    assert list(remove_old_originals(database, layout, done_before=before)) == []
    assert layout.source_of(one).exists()


def test_files_outside_the_data_folder_are_never_touched(
    database: sa.Engine, store: SqlRecordStore, layout: Layout, tmp_path: Path
) -> None:
    outside = tmp_path / "archive.wav"
    outside.write_bytes(b"the archive's own")
    in_place = Recording("archive-000000000000", "0" * 64, 17, "archive.wav", str(outside))
    store.register([in_place])
    for stage in Stage:
        save(store, stage, in_place.recording_id, results(in_place.recording_id, utterances=1))
    assert list(remove_old_originals(database, layout, done_before=LATER)) == []
    assert outside.exists()


@pytest.mark.fault
def test_a_crash_between_row_and_file_is_healed(
    database: sa.Engine, store: SqlRecordStore, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = registered(store, layout, "done.wav")

    def crash(_: Path, *, missing_ok: bool) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", crash)
        with pytest.raises(KeyboardInterrupt):
            list(remove_old_originals(database, layout, done_before=LATER))
    assert layout.source_of(one).exists()
    assert list(remove_old_originals(database, layout, done_before=LATER)) == []
    assert not layout.source_of(one).exists()
