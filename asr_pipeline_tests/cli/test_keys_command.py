"""`asr-pipeline keys` and `audit`: a key is shown once; what was done with keys is in the log."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from asr_pipeline.cli.main import app
from asr_pipeline.domain.access import key_id_of
from asr_pipeline.domain.errors import SettingInvalid


@pytest.fixture(autouse=True)
def _data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ASR_PIPELINE_VOSK_MODEL", "none-is-needed")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_key_is_made_listed_without_its_secret_and_revoked() -> None:
    key = run("keys", "create", "the newsroom", "--scope", "write", "--days", "9").stdout.strip()
    key_id = key_id_of(key) or ""
    (listed,) = json.loads(run("keys", "list", "--json").stdout)
    assert (listed["key_id"], listed["name"], listed["scope"], listed["state"]) == (
        key_id,
        "the newsroom",
        "write",
        "valid",
    )
    assert listed["expires_at"] > listed["created_at"]
    assert key.split("_")[2] not in run("keys", "list").stdout + run("keys", "list", "--json").stdout
    assert run("keys", "revoke", key_id).exit_code == 0
    assert json.loads(run("keys", "list", "--json").stdout)[0]["state"] == "revoked"
    again = run("keys", "revoke", key_id)
    assert isinstance(again.exception, SettingInvalid)


def test_what_was_done_with_keys_is_in_the_audit_log() -> None:
    key = run("keys", "create", "[red]me", "--scope", "read").stdout.strip()
    run("keys", "revoke", key_id_of(key) or "")
    entries = json.loads(run("audit", "--json").stdout)
    assert [(one["action"], one["result"]) for one in entries] == [("keys create", "done"), ("keys revoke", "done")]
    assert all(one["principal"].startswith("command line: ") for one in entries)
    assert key not in str(entries)
    assert "keys create" in run("audit").stdout
    assert json.loads(run("audit", "--since", "2999-01-01", "--json").stdout) == []


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 101])
def test_a_name_that_can_not_be_is_refused(name: str) -> None:
    assert isinstance(run("keys", "create", name, "--scope", "read").exception, SettingInvalid)
    assert json.loads(run("keys", "list", "--json").stdout) == []
