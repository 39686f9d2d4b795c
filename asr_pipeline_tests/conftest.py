"""Fixtures that several parts share."""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from asr_pipeline.defs.postgres_storage import PostgresStorage
from asr_pipeline.storage.database import open_database, sqlite_url, upgrade
from asr_pipeline_tests.postgres import postgres_server

# A shared machine may be slow at any moment: that is no finding.
hypothesis_settings.register_profile(
    "shared", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("shared")

REPOSITORY = Path(__file__).resolve().parent.parent
SWITCHED = {"api", "cli", "defs", "e2e"}  # folders of tests that --database takes along; others name their databases
HOUSE_VARIABLE = "ASR_PIPELINE_DATABASE_URL"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that runs on PostgreSQL what runs on SQLite otherwise."""
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="where tests of the whole product keep its tables and Dagster's",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about SQLite's own files where there are none."""
    if config.getoption("--database") == "postgresql":
        for item in items:
            if item.get_closest_marker("sqlite_alone"):
                item.add_marker(pytest.mark.skip(reason="about SQLite's files"))


@pytest.fixture(autouse=True)
def _scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings and Dagster home of whoever runs the tests out of them."""
    for name in os.environ:
        if name.startswith(("ASR_PIPELINE_", "DAGSTER_", "ARGOS_")):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _switched(request: pytest.FixtureRequest, _scrubbed_environment: None) -> Iterator[None]:
    """Give each test of the whole product a PostgreSQL database of its own, under `--database postgresql`."""
    wanted = request.config.getoption("--database") == "postgresql"
    if wanted and SWITCHED & set(request.path.relative_to(REPOSITORY).parts):
        yield from _house_on_postgresql(request)
    else:
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def on_either_database(request: pytest.FixtureRequest, _switched: None) -> Iterator[None]:
    """Have the whole product on SQLite, and once more on PostgreSQL: its tables and Dagster's."""
    if request.param == "sqlite" or HOUSE_VARIABLE in os.environ:
        yield
    else:
        yield from _house_on_postgresql(request)


def _house_on_postgresql(request: pytest.FixtureRequest) -> Iterator[None]:
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for url in _postgres_database(request, request.getfixturevalue("_house_template")):
        monkeypatch.setenv(HOUSE_VARIABLE, url)
        yield
        monkeypatch.delenv(HOUSE_VARIABLE, raising=False)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder of the repository's sample recordings, with `samples.tsv`: file, seconds, voice, English, Persian."""
    return REPOSITORY / "data" / "samples"


@pytest.fixture(scope="session")
def starter_models() -> Path:
    """Folder of the starter models."""
    return REPOSITORY / "models" / "starter"


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Address of a PostgreSQL server that is started for these tests, as its superuser."""
    with postgres_server() as server:
        yield server.url


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> str:
    """Name of a database with all tables, to copy."""
    _run_sql(postgres_url, "CREATE DATABASE template_with_tables")
    _make_tables(sa.make_url(postgres_url).set(database="template_with_tables"))
    return "template_with_tables"


@pytest.fixture(scope="session")
def _house_template(postgres_url: str, _postgres_template: str) -> str:
    """Name of a database with all tables and Dagster's, to copy."""
    _run_sql(postgres_url, f"CREATE DATABASE template_of_house TEMPLATE {_postgres_template}")
    url = sa.make_url(postgres_url).set(database="template_of_house")
    PostgresStorage(url.render_as_string(hide_password=False)).dispose()
    return "template_of_house"


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with all tables, to copy."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    _make_tables(sqlite_url(file))
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a fresh database whose tables are up to date, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        file = tmp_path / "asr_pipeline.db"
        shutil.copy(request.getfixturevalue("_sqlite_template"), file)
        yield f"sqlite:///{file}"
    else:
        yield from _postgres_database(request, request.getfixturevalue("_postgres_template"))


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a fresh database without tables, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        yield from _postgres_database(request, "template0")


@pytest.fixture
def database(database_url: str) -> Iterator[sa.Engine]:
    """Give an engine of a fresh database."""
    engine = open_database(database_url)
    yield engine
    engine.dispose()


def _postgres_database(request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    server: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    _run_sql(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    _run_sql(server, f"DROP DATABASE {name} WITH (FORCE)")


def _run_sql(url: str, statement: str) -> None:
    """Run what PostgreSQL allows only outside a transaction."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def _make_tables(url: sa.URL) -> None:
    engine = open_database(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Address of an S3 server that is started for these tests."""
    from asr_pipeline_tests.s3_server import s3_server  # noqa: PLC0415 - few tests need what it loads

    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def bucket(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Address of a folder in a new bucket."""
    from asr_pipeline_tests.s3_server import make_bucket  # noqa: PLC0415 - as above

    return make_bucket(s3_endpoint, monkeypatch)
