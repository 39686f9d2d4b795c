"""Dagster's storage in PostgreSQL: its own schema and tables, kept connections, and a server that goes away."""

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from dagster_postgres import event_log as of_events
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.utils import pg_alembic_config

from asr_pipeline.defs import postgres_storage
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.postgres_storage import HEAD, SCHEMA, TOGETHER_LOCK, KeptEvents, PostgresStorage
from asr_pipeline.domain.errors import SettingInvalid, StoreUnavailable
from asr_pipeline.storage.database import open_database, upgrade
from asr_pipeline_tests.conftest import HOUSE_VARIABLE, _postgres_database
from asr_pipeline_tests.defs.test_embedded_storage import rewritten, run, seen

pytestmark = [pytest.mark.e2e, pytest.mark.database]
PROCESS_MAX_S = 120
VERSION = sa.table("alembic_version", sa.column("version_num"), schema=SCHEMA)
END_THIS = "SELECT pg_terminate_backend(pg_backend_pid())"
OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
END_OTHERS = f"SELECT pg_terminate_backend(pid) {OTHERS}"
BEFORE = """storage:
  custom:
    module: asr_pipeline.defs.embedded_storage
    class: EmbeddedStorage
    config:
      base_dir:
        env: DAGSTER_HOME
telemetry: {enabled: false}
"""


@pytest.fixture
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a database with the program's tables and Dagster's, which the settings name."""
    for url in _postgres_database(request, request.getfixturevalue("_house_template")):
        monkeypatch.setenv(HOUSE_VARIABLE, url)
        yield url


@pytest.fixture
def empty_url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from _postgres_database(request, "template0")


def revision(url: str) -> str | None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version", schema=SCHEMA):
            return None
        return connection.execute(sa.select(VERSION.c.version_num)).scalar()


def set_revision(url: str, wanted: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.update(VERSION).values(version_num=wanted))


def test_the_newest_migration_of_dagster_is_named() -> None:
    assert ScriptDirectory.from_config(pg_alembic_config(of_events.__file__)).get_heads() == [HEAD]


@pytest.mark.parametrize("wrote", ["ours", "dagster's"])
def test_each_reads_what_the_other_wrote_and_goes_on_from_there(tmp_path: Path, url: str, wrote: str) -> None:
    home, plain = tmp_path / "home", tmp_path / "plain"
    with open_instance(home) as instance:
        assert isinstance(instance.event_log_storage, KeptEvents)
        ours = [run(instance)] if wrote == "ours" else []
        as_ours = seen(instance, ours)
    plain.mkdir()
    (plain / "dagster.yaml").write_text(
        f"storage:\n  postgres:\n    postgres_url: '{url}&options=-csearch_path%3D{SCHEMA}'\n"
        "telemetry: {enabled: false}\n"
    )
    with dg.DagsterInstance.from_config(str(plain)) as instance:
        assert type(instance.event_log_storage) is PostgresEventLogStorage
        assert seen(instance, ours) == as_ours
        both = [*ours, run(instance, "b")]
        as_dagsters = seen(instance, both)
    with open_instance(home) as instance:
        assert seen(instance, both) == as_dagsters
        run(instance, "b")
        assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records) == len(both) + 1
    assert not list(home.rglob("*.db"))


@pytest.mark.usefixtures("url")
def test_a_dagster_yaml_from_before_finds_the_same_storage(tmp_path: Path) -> None:
    with open_instance(tmp_path / "new") as instance:
        run_id = run(instance)
    old = tmp_path / "old"
    old.mkdir()
    (old / "dagster.yaml").write_text(BEFORE)
    with open_instance(old) as instance:
        assert instance.get_run_by_id(run_id) is not None
    assert (old / "dagster.yaml").read_text() == BEFORE


def test_the_password_is_in_no_error_and_in_no_printed_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOUSE_VARIABLE, f"postgresql://me:s3cret@/db?host={tmp_path}")
    with pytest.raises(StoreUnavailable) as caught, open_instance(tmp_path / "home"):
        pass
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"
    assert str(tmp_path) in str(caught.value)


def test_a_user_named_dagster_meets_no_table_of_dagsters(empty_url: str) -> None:
    """In PostgreSQL's default search path, a schema of the user's name comes first."""
    engine = open_database(empty_url)
    name = sa.make_url(empty_url).database
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE dagster LOGIN")
        connection.exec_driver_sql(f"GRANT CREATE ON DATABASE {name} TO dagster")
        connection.exec_driver_sql("GRANT CREATE ON SCHEMA public TO dagster")
    engine.dispose()
    theirs = sa.make_url(empty_url).set(username="dagster").render_as_string(hide_password=False)
    try:
        PostgresStorage(theirs).dispose()
        ours = open_database(theirs)
        upgrade(ours)
        ours.dispose()
    finally:
        engine = open_database(empty_url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY dagster")
            connection.exec_driver_sql("DROP ROLE dagster")
        engine.dispose()


def _open(url: str) -> None:
    storage = PostgresStorage(url)
    assert storage.run_storage.get_runs() == []
    storage.dispose()


def test_processes_that_make_the_tables_at_once(empty_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_open, args=(empty_url,)) for _ in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(PROCESS_MAX_S)
    assert [one.exitcode for one in processes] == [0, 0]
    assert revision(empty_url) == HEAD


@pytest.mark.fault
def test_what_ends_while_it_makes_the_tables_leaves_none(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(postgres_storage.KeptSchedules, "optimize", end)  # the last step
        with pytest.raises(KeyboardInterrupt):
            PostgresStorage(empty_url)
    assert revision(empty_url) is None
    _open(empty_url)
    assert revision(empty_url) == HEAD


def test_older_tables_are_brought_up_to_date_and_newer_ones_are_refused(url: str) -> None:
    script = ScriptDirectory.from_config(pg_alembic_config(of_events.__file__)).get_revision(HEAD)
    assert isinstance(script.down_revision, str)
    set_revision(url, script.down_revision)
    _open(url)
    assert revision(url) == HEAD
    set_revision(url, "9999")
    with pytest.raises(SettingInvalid, match=r"9999.*newer"):
        PostgresStorage(url)


def test_threads_write_at_once(tmp_path: Path, url: str) -> None:
    with open_instance(tmp_path / "home") as instance:
        log = instance.event_log_storage
        assert isinstance(log, KeptEvents)
        materialization = dg.AssetMaterialization("thing", partition="a")
        batch = rewritten(instance, run(instance), "b")

        def write() -> None:
            for _ in range(5):
                instance.report_runless_asset_event(materialization)
                log.store_event_batch(batch)

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records) == 81
        check = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
        assert {one.partition for one in log.get_asset_check_execution_history(check, limit=100)} == {None, "b"}
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        assert connection.execute(sa.text(f"SELECT count(*) {OTHERS}")).scalar() == 0


@pytest.mark.fault
def test_lost_connections_are_made_anew_and_a_transaction_is_undone(tmp_path: Path, url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with open_instance(tmp_path / "home") as instance:
        log = instance.event_log_storage
        assert isinstance(log, KeptEvents)
        run_id = run(instance)
        (entry,) = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
        before = seen(instance, [run_id])
        with engine.begin() as connection:
            connection.execute(sa.text(END_OTHERS))
        assert seen(instance, [run_id]) == before

        def lose_it() -> None:
            with log.connections.hold(TOGETHER_LOCK):
                log.store_event(entry)
                with log._connect() as held:
                    held.execute(sa.text(END_THIS))

        with pytest.raises(sa.exc.DBAPIError):
            lose_it()
        assert seen(instance, [run_id]) == before
        lost = 0

        def lose_once() -> str:
            nonlocal lost
            lost += 1
            with log._connect() as connection:
                return str(connection.execute(sa.text(END_THIS if lost == 1 else "SELECT 'answered'")).scalar())

        assert log.connections.again(lose_once) == "answered"
