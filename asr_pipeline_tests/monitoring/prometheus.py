"""Real Prometheus for tests, from Debian's package: started on a free port, asked over HTTP, always stopped."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from asr_pipeline_tests.conftest import REPOSITORY
from asr_pipeline_tests.ports import free_port

LONGEST_WAIT_S = 120
MONITORING = REPOSITORY / "deploy" / "monitoring"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="needs Debian's package prometheus: apt-get install prometheus",
)
Rule = dict[str, Any]


def promtool(*arguments: str | Path) -> str:
    """Run promtool; give what it says. An error of it is an AssertionError."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=LONGEST_WAIT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> dict[str, Rule]:
    """Give the rules of alerts.yml by name."""
    groups = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@dataclass(frozen=True)
class Prometheus:
    """A server that runs."""

    url: str

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON of several shapes
        """Ask its API; give the data."""
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=query, timeout=LONGEST_WAIT_S, trust_env=False)
        return answer.raise_for_status().json()["data"]

    def firing(self) -> set[str]:
        """Give the alerts that fire."""
        return {one["labels"]["alertname"] for one in self.get("alerts")["alerts"] if one["state"] == "firing"}

    def values(self, query: str) -> list[float]:
        """Evaluate an expression now."""
        return [float(one["value"][1]) for one in self.get("query", query=query)["result"]]


@contextmanager
def running(folder: Path, target: str, alerts: list[Rule]) -> Iterator[Prometheus]:
    """Run Prometheus over one target, asked each second, with some alerts, evaluated each second."""
    (folder / "alerts.yml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": alerts}]}))
    config = yaml.safe_load((MONITORING / "prometheus.local.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    options = {"config.file": "prometheus.yml", "storage.tsdb.path": "data", "web.listen-address": address}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            ["prometheus", *(f"--{name}={value}" for name, value in options.items())],
            cwd=folder,
            stdout=log,
            stderr=log,
        ) as process,
    ):
        try:
            server = Prometheus(f"http://{address}")
            wait_until(lambda: _is_ready(process, server), "Prometheus is ready")
            yield server
        except AssertionError as error:
            error.add_note((folder / "log").read_text()[-5000:])
            raise
        finally:
            process.terminate()
            process.wait(LONGEST_WAIT_S)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something; too long a wait is an AssertionError."""
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, f"{what}: not within {LONGEST_WAIT_S} s"
        time.sleep(0.1)


def _is_ready(process: "subprocess.Popen[bytes]", server: Prometheus) -> bool:
    assert process.poll() is None, f"it ended with {process.returncode}"
    try:
        return httpx.get(f"{server.url}/-/ready", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
