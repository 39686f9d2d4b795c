"""Docs and code say the same: every command, every setting, every link."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]
from typer.core import TyperCommand, TyperGroup, TyperOption

from asr_pipeline.cli.main import app
from asr_pipeline.cli.up import WORKSPACE
from asr_pipeline.settings import ENVIRONMENT_PREFIX, Settings

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def commands() -> dict[str, TyperCommand]:
    """Give every command by what one types."""
    found: dict[str, TyperCommand] = {}

    def walk(words: str, command: Any) -> None:  # noqa: ANN401 - typer's groups and commands share no exported type
        if isinstance(command, TyperGroup):
            for name, child in command.commands.items():
                walk(f"{words} {name}", child)
        else:
            found[words] = command

    walk("asr-pipeline", typer.main.get_command(app))
    return found


@pytest.mark.parametrize("words", commands())
def test_every_command_has_help_with_an_example(words: str) -> None:
    help_text = commands()[words].help or ""
    assert len(help_text.splitlines()[0]) > 10
    assert re.search(rf"Examples?: `(ASR_PIPELINE_\w+=\S+ )?{words}", help_text)


@pytest.mark.parametrize("words", commands())
def test_every_command_and_option_stands_in_the_docs(words: str) -> None:
    rows = [row for row in (REPOSITORY / "docs" / "commands.md").read_text().splitlines() if f"`{words}" in row]
    assert len(rows) == 1, f"docs/commands.md: expected one row for {words}, found {len(rows)}"
    for parameter in commands()[words].params:
        if isinstance(parameter, TyperOption) and "--help" not in parameter.opts:
            assert any(f"`{option}" in rows[0] for option in parameter.opts), (
                f"{words} {parameter.opts} is not in its row"
            )


def test_every_setting_stands_in_the_docs_with_its_meaning() -> None:
    document = REPOSITORY / "docs" / "settings.md"
    assert settings_table() in document.read_text(), f"Put this into {document.name}:\n\n{settings_table()}"


def settings_table() -> str:
    """Give the table of settings that the docs hold."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True) if not field.default_factory else None
        shown = {"data_dir": "`data/` in a clone, else the user's data folder", "workers": "all cores"}.get(
            name, "" if default in (None, []) else f"`{','.join(default) if isinstance(default, list) else default}`"
        )
        rows.append(f"| `{ENVIRONMENT_PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(rows)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|data:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_dagster_yaml_of_the_clone_is_the_one_that_is_written_but_for_its_place() -> None:
    clone = yaml.safe_load((REPOSITORY / "dagster.yaml").read_text())
    places = {name: clone.pop(name) for name in ("storage", "local_artifact_storage", "compute_logs")}
    assert "data/dagster" in str(places)
    written = yaml.safe_load((REPOSITORY / "asr_pipeline" / "defs" / "instance.yaml").read_text())
    storage, of_clone = written.pop("storage")["custom"], places["storage"]["custom"]
    assert (storage["module"], storage["class"]) == (of_clone["module"], of_clone["class"])
    assert clone == written


def test_the_workspace_of_the_clone_is_the_one_that_is_written() -> None:
    assert (REPOSITORY / "workspace.yaml").read_text() == WORKSPACE
