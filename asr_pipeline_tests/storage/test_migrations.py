"""Migrations and tables say the same, on both databases."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.storage import migrations
from asr_pipeline.storage.database import migrate, open_database, upgrade, writing
from asr_pipeline.storage.tables import metadata

pytestmark = pytest.mark.database


@pytest.fixture
def empty(empty_database_url: str) -> sa.Engine:
    return open_database(empty_database_url)


SEARCH_INDEX = "search_index"  # each database's own, made by the migration alone: index, virtual table, triggers


def _tables(engine: sa.Engine) -> set[str]:
    return {name for name in sa.inspect(engine).get_table_names() if not name.startswith(SEARCH_INDEX)}


def _is_of_metadata(name: str | None, *_: object) -> bool:
    return not (name or "").startswith(SEARCH_INDEX)


def _definitions(engine: sa.Engine) -> set[tuple[str, ...]]:
    """Give every table, index and constraint as the database itself spells it."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        if engine.dialect.name == "sqlite"
        else "SELECT conname, conrelid::regclass::text || pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace UNION SELECT indexname, indexdef FROM pg_indexes "
        "WHERE schemaname = 'public'"
    )
    with engine.connect() as connection:
        rows = [(name, re.sub(r"\s+|\)\s*$", "", text)) for name, text in connection.exec_driver_sql(query)]
    return {
        (name, *sorted(text.split(",CONSTRAINT")))
        for name, text in rows
        if "alembic_version" not in text and not name.startswith(SEARCH_INDEX)
    }


def test_the_newest_migration_is_named() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_migrations_make_the_tables_of_the_metadata(empty: sa.Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "include_name": _is_of_metadata}
        )
        assert compare_metadata(context, metadata) == []
    migrated = _definitions(empty)
    migrate(empty, "base")
    with writing(empty) as connection:
        metadata.create_all(connection)
    assert migrated == _definitions(empty)
    empty.dispose()


def test_up_down_and_up_again(empty: sa.Engine) -> None:
    upgrade(empty)
    upgrade(empty)
    assert _tables(empty) == {*metadata.tables, "alembic_version"}
    migrate(empty, "base")
    assert _tables(empty) == {"alembic_version"}
    upgrade(empty)
    assert _tables(empty) == {*metadata.tables, "alembic_version"}
    empty.dispose()


def test_a_failed_migration_changes_nothing(empty: sa.Engine) -> None:
    with writing(empty) as connection:
        connection.exec_driver_sql("CREATE TABLE words (already INTEGER)")
    with pytest.raises(sa.exc.DBAPIError, match="already exists"):
        upgrade(empty)
    assert _tables(empty) == {"words"}
    empty.dispose()


def test_a_newer_database_is_refused(empty: sa.Engine) -> None:
    upgrade(empty)
    with writing(empty) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SettingInvalid, match=r"9999.*newest asr-pipeline"):
        upgrade(empty)
    empty.dispose()
