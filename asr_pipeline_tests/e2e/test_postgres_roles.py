"""The roles of docs/postgresql.md, by the very SQL that stands there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline_tests.conftest import REPOSITORY
from asr_pipeline_tests.e2e.commands import asr_pipeline, printed_json
from asr_pipeline_tests.postgres import PostgresServer, postgres_server

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.database]
DOCUMENT = (REPOSITORY / "docs" / "postgresql.md").read_text()
ROLES, RIGHTS, AFTERWARDS = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Give a server of its own: roles are one for all its databases."""
    with postgres_server() as server:
        yield server


def run_sql(url: str | sa.URL, statements: str) -> None:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)


def test_each_role_can_do_its_work_and_no_more(tmp_path: Path, samples: Path, server: PostgresServer) -> None:
    run_sql(server.url, ROLES)
    superuser = sa.make_url(server.url).set(database="asr")
    run_sql(superuser, RIGHTS)

    def address(role: str) -> str:
        return superuser.set(username=role).render_as_string(hide_password=False)

    def command(role: str, *words: str | Path) -> object:
        environment = {"ASR_PIPELINE_DATABASE_URL": address(role)}
        return printed_json(asr_pipeline(*words, "--json", data_dir=tmp_path / "data", environment=environment))

    too_early = asr_pipeline(
        "status", data_dir=tmp_path / "data", environment={"ASR_PIPELINE_DATABASE_URL": address("asr_app")}
    )
    assert too_early.returncode == 1
    assert "permission denied for schema public" in too_early.stderr
    command("asr_owner", "verify")
    run_sql(superuser, AFTERWARDS)
    command("asr_app", "process", samples / "phrases-3.wav")
    assert command("asr_app", "verify")["equation"]["done"] == 1  # type: ignore[index]

    for role, statement in [
        ("asr_app", "DROP TABLE words"),
        ("asr_app", "CREATE TABLE more (number INTEGER)"),
        ("asr_app", "ALTER TABLE dagster_storage.runs ADD COLUMN more INTEGER"),
        ("asr_viewer", "DELETE FROM words"),
        ("asr_viewer", "UPDATE dagster_storage.runs SET status = 'SUCCESS'"),
        ("asr_viewer", "INSERT INTO dagster_storage.kvs (key, value) VALUES ('a', 'b')"),
        ("asr_viewer", "SELECT * FROM api_keys"),
    ]:
        with pytest.raises(sa.exc.ProgrammingError, match=r"must be owner|permission denied"):
            run_sql(address(role), statement)
    run_sql(address("asr_viewer"), "SELECT * FROM words;\nSELECT * FROM dagster_storage.event_logs")
