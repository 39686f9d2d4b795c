"""The wheel by itself, outside the clone: the demo runs, and an upgrade keeps what is there."""

import json
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

from asr_pipeline.storage import migrations
from asr_pipeline.storage.database import open_database, sqlite_url, writing
from asr_pipeline_tests.e2e.wheels import Installed, build_wheel, new_environment

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return new_environment(tmp_path / "a place")


def test_it_holds_what_a_clone_has_beside_the_package_and_asks_for_nothing_that_brings_torch(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        asked = message_from_bytes(archive.read(metadata)).get_all("Requires-Dist") or []
    for needed in (
        "asr_pipeline/_models/starter/vosk-model-starter-en/am/final.mdl",
        "asr_pipeline/_models/starter/translate-en_fa-starter.argosmodel",
        "asr_pipeline/_models/starter/README.md",
        "asr_pipeline/_samples/samples.tsv",
        "asr_pipeline/defs/instance.yaml",
        "asr_pipeline/storage/migrations/versions/rev_0001_tables.py",
        "asr_pipeline/api/templates/home.html",
        "asr_pipeline/api/static/style.css",
        "asr_pipeline/py.typed",
    ):
        assert needed in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("asr_pipeline_tests")]
    assert not [line for line in asked if line.startswith(("argostranslate", "torch", "stanza", "spacy"))]


def test_the_demo_runs_outside_the_clone_and_an_upgrade_keeps_its_results(
    wheel: Path, installed: Installed, tmp_path: Path
) -> None:
    """The one before it is made of the same sources: older by its number, and by the revision of its database."""
    before = build_wheel(tmp_path / "before", version="0.0.1")
    installed.install(before)
    printed = installed.run("demo")
    assert "12 sample recordings" in printed
    assert any("\u0600" <= letter <= "\u06ff" for letter in printed)
    assert Path(installed.execute("import asr_pipeline; print(asr_pipeline.__file__)").strip()).is_relative_to(
        installed.folder
    )
    was = json.loads(installed.run("list", "--json"))
    assert {row["state"] for row in was} == {"done"}
    set_back(installed.home / ".local" / "share" / "asr-pipeline" / "asr_pipeline.db", "0005")

    installed.install(wheel)

    assert json.loads(installed.run("list", "--json")) == was
    assert "station" in installed.run("search", "station")  # its index is made by a later migration
    installed.run("verify", "--deep")
    assert [path.name for path in installed.home.iterdir()] == [".local"]


def set_back(file: Path, revision: str) -> None:
    """Give a database the tables of an older version, as the program itself never does."""
    engine = open_database(sqlite_url(file))
    with writing(engine) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.downgrade(config, revision)
    engine.dispose()
