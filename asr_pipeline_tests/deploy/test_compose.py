"""The Compose file: what a compose tool says of it, and what the house asks of every service."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]
from compose_spec import PyCompose

from asr_pipeline.cli.main import app
from asr_pipeline.settings import ENVIRONMENT_PREFIX, Settings
from asr_pipeline_tests.deploy.compose import DEPLOY, FILE, new_installation, read

PUBLISHED = {"proxy"}
LEAD_OUT = {"proxy", "code"}  # its port; webhooks


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return new_installation(tmp_path_factory.mktemp("installation"))


@pytest.fixture(scope="module")
def content(variables: dict[str, str]) -> dict[str, Any]:
    return read(variables)


@pytest.fixture(scope="module")
def services(content: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = content["services"]
    return found


def test_it_is_what_the_specification_has(content: dict[str, Any]) -> None:
    parsed = PyCompose.from_yaml(yaml.safe_dump(content))

    parsed.validate_networks()
    parsed.validate_secrets()
    parsed.validate_volumes()
    assert set(parsed.service_names()) == set(content["services"])


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="needs a compose tool: Debian's docker-compose")
def test_a_compose_tool_takes_it(variables: dict[str, str]) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": variables["ASR_SECRETS"]}
    config = ["docker-compose", "--file", str(FILE), "config", "--quiet"]

    done = subprocess.run(config, env=environment | variables, capture_output=True, text=True, check=False)
    without = subprocess.run(config, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert without.returncode != 0
    assert "run asr-pipeline init-env first" in without.stderr


def test_every_service_is_held_to_what_it_needs(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert re.fullmatch(r"[1-9]\d*:\d+", service["user"]), f"{name} runs as root"
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert service["pids_limit"] > 0, name
        assert service["cpuset"], name
        assert service["restart"] == ("on-failure" if name == "setup" else "unless-stopped"), name
        assert "test" in service["healthcheck"] or name == "setup", name
        assert not {"privileged", "network_mode", "pid"} & set(service), name


def test_only_the_proxy_is_reached_from_elsewhere(content: dict[str, Any]) -> None:
    inner = {name for name, network in content["networks"].items() if network.get("internal")}
    for name, service in content["services"].items():
        assert ("ports" in service) == (name in PUBLISHED), name
        assert (set(service["networks"]) <= inner) == (name not in LEAD_OUT), name
    assert content["services"]["proxy"]["ports"] == ["127.0.0.1:8443:8443"]


def test_what_services_name_is_there(content: dict[str, Any], variables: dict[str, str]) -> None:
    for name, service in content["services"].items():
        assert set(service.get("depends_on", {})) <= set(content["services"]), name
        for other, how in service.get("depends_on", {}).items():
            ends = content["services"][other]["healthcheck"].get("disable", False)
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), name
        assert set(service["networks"]) <= set(content["networks"]), name
        assert set(service.get("secrets", [])) <= set(content["secrets"]), name
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in content["volumes"], mount
    for secret in content["secrets"].values():
        assert Path(secret["file"]).is_file(), "init-env writes every secret"
    assert {Path(one["file"]).name for one in content["secrets"].values()} | {"logins"} == {
        file.name for file in Path(variables["ASR_SECRETS"]).iterdir()
    }


def test_no_secret_is_in_the_environment_and_every_setting_is_one(
    services: dict[str, dict[str, Any]], variables: dict[str, str]
) -> None:
    secrets = [file.read_text().strip() for file in Path(variables["ASR_SECRETS"]).iterdir()]
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            assert not [secret for secret in secrets if secret and secret in value], name
            if variable.startswith(ENVIRONMENT_PREFIX):
                assert variable.removeprefix(ENVIRONMENT_PREFIX).lower() in Settings.model_fields, f"{name}: {variable}"
                if value.startswith("/run/secrets/"):
                    assert value.removeprefix("/run/secrets/") in service["secrets"], f"{name}: {variable}"


def test_the_commands_are_ones_that_the_program_has(services: dict[str, dict[str, Any]]) -> None:
    root = typer.main.get_command(app)
    seen = set()
    for service in services.values():
        program, *arguments = service.get("command", ["image's own"])
        if program == "asr-pipeline":
            name, *options = arguments
            root.commands[name].make_parser(typer.Context(root.commands[name])).parse_args(options)  # type: ignore[attr-defined]
            seen.add(name)
    assert seen == {"doctor", "serve", "scheduler", "worker"}
