"""Opening, locking and failing databases."""

import multiprocessing
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import PipelineError, SettingInvalid, StorageFull, StoreUnavailable
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage import database as database_module
from asr_pipeline.storage.database import open_database, reading, sqlite_url, upgrade, writing
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.tables import recordings
from asr_pipeline_tests.storage.samples import recording, results, save

WRITERS = 2
RECORDINGS_EACH = 4
PROCESS_MAX_S = 120


def _start_and_write(url: str, writer: int) -> None:
    """Start as the program does, and save what other writers save too, and more."""
    engine = open_database(url)
    upgrade(engine)
    store = SqlRecordStore(engine)
    shared = [recording(f"shared-{n}.wav") for n in range(RECORDINGS_EACH)]
    own = [recording(f"own-{writer}-{n}.wav") for n in range(RECORDINGS_EACH)]
    store.register(shared if writer % 2 else shared[::-1])
    store.register(own)
    for one in [*shared, *own]:
        for stage in Stage:
            save(store, stage, one.recording_id, results(one.recording_id, utterances=2))
    engine.dispose()


@pytest.mark.database
def test_processes_that_start_and_write_at_once(empty_database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_start_and_write, args=(empty_database_url, n)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PROCESS_MAX_S)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    engine = open_database(empty_database_url)
    counts = SqlRecordStore(engine).count_by_state()
    engine.dispose()
    assert counts[RecordingState.DONE] == RECORDINGS_EACH * (WRITERS + 1)
    assert sum(counts.values()) == counts[RecordingState.DONE]


@pytest.mark.database
def test_threads_that_start_at_once(empty_database_url: str) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        engine = open_database(empty_database_url)
        try:
            upgrade(engine)
        except BaseException as error:  # noqa: BLE001 - a thread's error must reach the test
            failed.append(error)
        engine.dispose()

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.database
def test_a_reader_sees_one_state_and_waits_for_no_writer(database: sa.Engine) -> None:
    store = SqlRecordStore(database)
    store.register([recording("a.wav")])
    count = sa.select(sa.func.count()).select_from(recordings)
    with reading(database) as reader:
        assert reader.scalar(count) == 1
        store.register([recording("b.wav")])
        assert reader.scalar(count) == 1
    assert len(store.rows()) == 2


@pytest.mark.database
def test_an_error_undoes_the_transaction(database: sa.Engine) -> None:
    def write_half() -> None:
        with writing(database) as connection:
            connection.execute(sa.delete(recordings))
            raise KeyboardInterrupt

    SqlRecordStore(database).register([recording("a.wav")])
    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert len(SqlRecordStore(database).rows()) == 1


@pytest.mark.database
def test_up_to_date_is_one_query(database: sa.Engine) -> None:
    queries: list[str] = []
    sa.event.listen(database, "before_cursor_execute", lambda *args: queries.append(args[2]))
    upgrade(database)
    assert [query for query in queries if not query.startswith("BEGIN")] == ["SELECT version_num FROM alembic_version"]


@pytest.mark.database
def test_sqlite_keeps_what_it_promises(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "odd ?#%.db"))
    with reading(engine) as connection:
        kept = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    engine.dispose()
    assert kept == ["wal", 2, 1]
    assert (tmp_path / "odd ?#%.db").exists()


@pytest.mark.fault
def test_a_locked_database_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "LOCK_WAIT_S", 0.1)
    engine = open_database(sqlite_url(tmp_path / "a.db"))
    upgrade(engine)
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        SqlRecordStore(engine).register([recording("a.wav")])
    assert SqlRecordStore(engine).rows() == []
    holder.execute("ROLLBACK")
    holder.close()
    SqlRecordStore(engine).register([recording("a.wav")])
    engine.dispose()


@pytest.mark.fault
def test_a_full_disk(tmp_path: Path) -> None:
    engine = open_database(sqlite_url(tmp_path / "a.db"), pool_size=1)
    upgrade(engine)
    with reading(engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull, match="room"):
        SqlRecordStore(engine).register([recording(f"{n}.wav") for n in range(2_000)])
    assert SqlRecordStore(engine).rows() == []
    engine.dispose()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("content", "error"),
    [(b"no database at all" * 100, SettingInvalid), (b"", SettingInvalid), (None, StoreUnavailable)],
)
def test_a_file_that_is_no_database_of_ours(tmp_path: Path, content: bytes | None, error: type[PipelineError]) -> None:
    file = tmp_path / "folder" / "a.db"
    if content is not None:
        file.parent.mkdir()
        file.write_bytes(content)
    engine = open_database(sqlite_url(file))
    with pytest.raises(error, match=r"a\.db"):
        SqlRecordStore(engine).rows()
    engine.dispose()


@pytest.mark.fault
@pytest.mark.database
def test_a_lost_connection(postgres_url: str) -> None:
    engine = open_database(postgres_url)

    def end_it() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(StoreUnavailable):
        end_it()
    with reading(engine) as connection:  # the next one connects anew
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


@pytest.mark.fault
@pytest.mark.parametrize("url", ["postgresql://me:s3cret@/db?host={}", "postgresql://me@/db?host={}&password=s3cret"])
def test_a_database_that_is_away_keeps_the_password_secret(tmp_path: Path, url: str) -> None:
    engine = open_database(url.format(tmp_path))
    with pytest.raises(StoreUnavailable) as caught:
        upgrade(engine)
    told = f"{caught.value} {caught.value.__cause__}"
    assert "s3cret" not in told
    assert str(tmp_path) in told


@pytest.mark.parametrize(
    "url", ["", "mysql://me:s3cret@host/db", "sqlite://", "sqlite:///:memory:", "postgresql://me:s3cret@host", "s3cret"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(SettingInvalid, match="postgresql://USER") as caught:
        open_database(url)
    assert "s3cret" not in f"{caught.value} {caught.value.__context__}"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_postgresql_means_psycopg2(scheme: str) -> None:
    engine = open_database(f"{scheme}://me@host/db")
    assert engine.url.drivername == "postgresql+psycopg2"


def test_a_password_with_raw_characters_is_refused_and_not_told() -> None:
    with pytest.raises(SettingInvalid, match="%40") as refused:
        open_database("postgresql://someone:p@ss/w0rd@127.0.0.1/none")
    assert "w0rd" not in str(refused.value)
