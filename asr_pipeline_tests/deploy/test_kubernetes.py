"""Kubernetes: the manifests against its schemas, and the values of Dagster's chart against what Dagster takes."""

import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import typer
import yaml  # type: ignore[import-untyped]
from dagster._config import validate_config

from asr_pipeline.cli.main import app
from asr_pipeline.settings import ENVIRONMENT_PREFIX, Settings
from asr_pipeline_tests.deploy.compose import DEPLOY, REPOSITORY

FOLDER = DEPLOY / "k8s"
VALUES = FOLDER / "dagster-values.yaml"
MANIFESTS = sorted(set(FOLDER.glob("*.yaml")) - {VALUES, FOLDER / "kustomization.yaml"})
LOWEST, NEWEST = "1.29", "1.37"


def documents() -> list[dict[str, Any]]:
    return [one for file in MANIFESTS for one in yaml.safe_load_all(file.read_text())]


def pods() -> list[tuple[str, dict[str, Any]]]:
    """Give each Deployment's name and pod."""
    return [(one["metadata"]["name"], one["spec"]["template"]) for one in documents() if one["kind"] == "Deployment"]


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    return content


@pytest.mark.parametrize("version", [LOWEST, NEWEST])
def test_the_manifests_are_what_the_schemas_have(version: str) -> None:
    for document in documents():
        kubernetes_validate.validate(document, version, strict=True)


def test_all_of_them_are_applied_but_the_template_of_secrets() -> None:
    listed = set(yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"])

    assert listed == {file.name for file in MANIFESTS} - {"secrets.template.yaml"}
    assert {one["metadata"].get("namespace", "asr-pipeline") for one in documents()} == {"asr-pipeline"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kustomize_builds_them() -> None:
    done = subprocess.run(["kubectl", "kustomize", str(FOLDER)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    images = re.findall(r"image: (\S+)", done.stdout)
    assert images
    assert all(image.startswith("asr-pipeline:") for image in images)


def test_what_they_name_is_there() -> None:
    of_kind: dict[str, set[str]] = {}
    for one in documents():
        of_kind.setdefault(one["kind"], set()).add(one["metadata"]["name"])
    of_the_chart = {"dagster-instance"}
    for name, pod in pods():
        for volume in pod["spec"]["volumes"]:
            config, secret = volume.get("configMap", {}).get("name"), volume.get("secret", {}).get("secretName")
            assert config is None or config in of_kind["ConfigMap"] | of_the_chart, name
            assert secret is None or secret in of_kind["Secret"], name
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted <= {volume["name"] for volume in pod["spec"]["volumes"]}, name
            assert {source["configMapRef"]["name"] for source in container["envFrom"]} <= of_kind["ConfigMap"], name


def test_every_pod_is_held_to_what_it_needs() -> None:
    for name, pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name
        for container in pod["spec"]["containers"]:
            assert {"livenessProbe", "readinessProbe"} <= set(container), name


def test_commands_and_settings_are_ones_that_the_program_has() -> None:
    root = typer.main.get_command(app)
    for _, pod in pods():
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            program, name, *options = container["command"]
            assert program == "asr-pipeline"
            root.commands[name].make_parser(typer.Context(root.commands[name])).parse_args(options)  # type: ignore[attr-defined]
    for one in documents():
        if one["kind"] == "ConfigMap":
            for variable in one["data"]:
                assert variable.removeprefix(ENVIRONMENT_PREFIX).lower() in Settings.model_fields


def test_workers_reach_no_database() -> None:
    template = {one["metadata"]["name"]: one for one in documents() if one["kind"] == "Secret"}
    assert "asr_pipeline_database_url" in template["asr-pipeline"]["stringData"]
    assert "asr_pipeline_database_url" not in template["asr-pipeline-cluster"]["stringData"]
    for name, pod in pods():
        secrets = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        assert secrets == {"asr-pipeline" if name == "gateway" else "asr-pipeline-cluster"}


def test_the_pods_of_the_chart_are_ones_that_kubernetes_takes(values: dict[str, Any]) -> None:
    """What the chart copies into pods word by word is put into one, and held to the schema."""
    (code,) = values["dagster-user-deployments"]["deployments"]
    for name, part in (("web", values["dagsterWebserver"]), ("daemon", values["dagsterDaemon"]), ("code", code)):
        image = f"{part['image']['repository']}:{part['image']['tag']}"
        container = {"name": name, "image": image, "envFrom": [{"configMapRef": one} for one in part["envConfigMaps"]]}
        container |= {key: part[key] for key in ("securityContext", "resources", "volumeMounts")}
        pod = {"containers": [container], "securityContext": part["podSecurityContext"], "volumes": part["volumes"]}
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": part["labels"]},
            "spec": pod,
        }
        kubernetes_validate.validate(document, NEWEST, strict=True)


def test_dagster_takes_the_launcher_of_the_chart(values: dict[str, Any]) -> None:
    launcher = pytest.importorskip("dagster_k8s").K8sRunLauncher
    given = values["runLauncher"]["config"]["k8sRunLauncher"]
    config = {snake(name): value for name, value in given.items() if name != "runK8sConfig"}
    config["run_k8s_config"] = {snake(name): value for name, value in given["runK8sConfig"].items()}
    config |= {"service_account_name": "dagster", "dagster_home": values["global"]["dagsterHome"]}

    result = validate_config(launcher.config_type(), config | {"instance_config_map": "dagster-instance"})

    assert result.success, result.errors


def test_the_chart_gives_dagster_what_the_program_gives_it(values: dict[str, Any]) -> None:
    ours = yaml.safe_load((REPOSITORY / "asr_pipeline" / "defs" / "instance.yaml").read_text())
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    monitoring = values["dagsterDaemon"]["runMonitoring"]

    assert values["additionalInstanceConfig"]["run_retries"] == ours["run_retries"]
    assert queue["maxConcurrentRuns"] == ours["concurrency"]["runs"]["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == ours["concurrency"]["runs"]["tag_concurrency_limits"]
    assert queue["dequeueIntervalSeconds"] == ours["run_coordinator"]["config"]["dequeue_interval_seconds"]
    assert monitoring["pollIntervalSeconds"] == ours["run_monitoring"]["poll_interval_seconds"]
    locked = re.search(r"^dagster==(\S+)", (REPOSITORY / "requirements-deploy.lock").read_text(), re.MULTILINE)
    assert locked is not None
    assert f"--version {locked[1]} " in VALUES.read_text()


def snake(name: str) -> str:
    """Give a name as Dagster has it: camelCase is the chart's."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
