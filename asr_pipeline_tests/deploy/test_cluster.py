"""The whole stack of the Compose file, as processes: up, ten recordings through it, down, nothing left.

`make cluster-test` runs this alone.
"""

import json
import shutil
import socket
import ssl
import subprocess
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml  # type: ignore[import-untyped]

from asr_pipeline.domain.unfinished import PARTIAL_PREFIX
from asr_pipeline_tests.deploy.compose import DEPLOY, new_installation
from asr_pipeline_tests.deploy.proxies import NGINX, proxy
from asr_pipeline_tests.deploy.stack import Stack
from asr_pipeline_tests.postgres import postgres_server

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.database]

PROMETHEUS = shutil.which("prometheus")
LONGEST_WAIT_S = 400
UPLOADED, DROPPED = 5, 5
WORKERS = 2
MEMO_S = 4


def wait_until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s, what()
        time.sleep(0.3)


def memos(samples: Path, folder: Path) -> list[Path]:
    """Cut ten recordings out of the samples."""
    folder.mkdir()
    made = []
    for file in sorted(samples.glob("*.wav")):
        with wave.open(str(file)) as sound:
            for part in range(2):
                frames = sound.readframes(MEMO_S * sound.getframerate())
                made.append(folder / f"{file.stem}-{part}.wav")
                with wave.open(str(made[-1]), "wb") as memo:
                    memo.setparams(sound.getparams())
                    memo.writeframes(frames)
    return made[: UPLOADED + DROPPED]


@contextmanager
def database(stack: Stack) -> Iterator[None]:
    """Start PostgreSQL with the user and the database of the Compose file; the secret then names its socket."""
    with postgres_server() as server:
        made = stack.services["postgres"]["environment"]
        user, name = made["POSTGRES_USER"], made["POSTGRES_DB"]
        secret = stack.secrets / "asr_pipeline_database_url"
        url = sa.make_url(secret.read_text())
        assert (url.username, url.host, url.database) == (user, "postgres", name)
        assert url.password == (stack.secrets / "postgres_password").read_text()
        engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN PASSWORD '{url.password}'")
            connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {user}")
        socket_folder = sa.make_url(server.url).query["host"]
        there = url.set(host=None, port=None, query={"host": socket_folder})
        secret.write_text(there.render_as_string(hide_password=False))
        yield


@contextmanager
def up(stack: Stack) -> Iterator[str]:
    """Start everything as docs/operations.md does; gives a key of the gateway. At the end nothing may be left."""
    late: list[str] = []
    try:
        stack.run("setup")
        for name in ("scheduler", "code"):
            stack.start(name)
        key = stack.run("gateway", ["asr-pipeline", "keys", "create", "tests", "--scope", "admin"]).strip()
        metrics = stack.run("gateway", ["asr-pipeline", "keys", "create", "prometheus", "--scope", "read"])
        (stack.secrets / "metrics_key").write_text(metrics)
        stack.start("gateway")
        stack.wait_until_healthy("scheduler")
        for instance in range(WORKERS):
            stack.start("worker", instance)
        stack.wait_until_healthy("code")
        for name in ("daemon", "webserver", "webserver-operators"):
            stack.start(name)
        for instance in range(WORKERS):
            stack.wait_until_healthy("worker", instance)
        for name in ("gateway", "webserver", "webserver-operators", "daemon"):
            stack.wait_until_healthy(name)
        yield key
    except AssertionError as error:
        for log in sorted((stack.folder / "logs").iterdir()):
            error.add_note(f"--- {log.name}\n{stack.log(log.name)[-1500:]}")
        raise
    finally:
        late = stack.stop()
    assert late == [], "something did not end by itself"


@contextmanager
def prometheus(stack: Stack) -> Iterator[str]:
    """Start Prometheus with the deployment's configuration and options; gives its address."""
    folder = stack.folder / "etc" / "prometheus"
    folder.mkdir()
    shutil.copy(DEPLOY / "monitoring" / "alerts.yml", folder)
    config = yaml.safe_load((DEPLOY / "monitoring" / "prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        if "dns_sd_configs" in job:  # there is no name server here
            (lookup,) = job.pop("dns_sd_configs")
            addresses = [stack.address("worker", instance) for instance in range(WORKERS)]
            assert lookup["names"] == ["worker"]
            job["static_configs"] = [{"targets": [f"{address}:{lookup['port']}" for address in addresses]}]
        else:
            (group,) = job["static_configs"]
            named = [target.partition(":") for target in group["targets"]]
            group["targets"] = [f"{stack.address(name)}:{port}" for name, _, port in named]
        job["scrape_interval"] = "1s"
    text = yaml.safe_dump(config).replace("/run/secrets", str(stack.secrets))
    (folder / "prometheus.yml").write_text(text)
    options = [
        option.replace("/etc/prometheus", str(folder)).replace("=/prometheus", f"={stack.folder / 'series'}")
        for option in stack.services["prometheus"]["command"]
    ]
    address = f"{stack.address('prometheus')}:9090"
    assert PROMETHEUS is not None
    with (
        (stack.folder / "logs" / "prometheus").open("wb") as log,
        subprocess.Popen([PROMETHEUS, *options, f"--web.listen-address={address}"], stderr=log) as process,
    ):
        try:
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(60)


def healths(address: str) -> dict[str, list[str]]:
    """Give what Prometheus says of those it asks."""
    try:
        answer = httpx.get(f"{address}/api/v1/targets", trust_env=False)
    except httpx.TransportError:
        return {}
    if answer.status_code == httpx.codes.SERVICE_UNAVAILABLE:  # it is starting
        return {}
    found: dict[str, list[str]] = {}
    for target in answer.json()["data"]["activeTargets"]:
        found.setdefault(target["labels"]["job"], []).append(target["health"] + target["lastError"])
    return found


def graphql(client: httpx.Client, path: str, login: tuple[str, str], query: str) -> dict[str, Any]:
    answer = client.post(path, json={"query": query}, auth=login)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def logins(secrets: Path) -> dict[str, tuple[str, str]]:
    lines = [line.split() for line in (secrets / "logins").read_text().splitlines()]
    return {words[-2]: (words[-2], words[-1]) for words in lines}


@pytest.mark.skipif(NGINX is None, reason="needs nginx: Debian's nginx-light")
def test_ten_recordings_go_through_the_whole_stack_and_nothing_is_left(samples: Path, tmp_path: Path) -> None:
    variables = new_installation(tmp_path) | {"ASR_FRONT_NETWORK": "127.0.0.0/8"}
    stack = Stack(tmp_path / "stack", variables)
    files = memos(samples, tmp_path / "memos")
    with database(stack), up(stack) as key:
        places = {name: f"{stack.address(name)}:3000" for name in ("webserver", "webserver-operators", "grafana")}
        places["gateway"] = f"{stack.address('gateway')}:8000"
        trust = ssl.create_default_context(cafile=str(stack.secrets / "tls.crt"))
        with (
            proxy(stack.folder / "proxy", stack.secrets, places) as door,
            httpx.Client(base_url=f"https://localhost:{door.port}", verify=trust, timeout=60) as client,
        ):
            authorized = {"Authorization": f"Bearer {key}"}
            for file in files[UPLOADED:]:
                shutil.copy(file, stack.data_dir / "inbox" / f".{file.name}")
                (stack.data_dir / "inbox" / f".{file.name}").rename(stack.data_dir / "inbox" / file.name)
            for file in files[:UPLOADED]:
                with file.open("rb") as audio:
                    answer = client.post("/upload/", files={"audio": audio}, headers=authorized)
                assert answer.status_code < 300, answer.text

            def states() -> list[str]:
                listed = client.get("/recordings/?limit=100", headers=authorized).json()
                return [row["state"] for row in listed["recordings"]]

            wait_until(lambda: states() == ["done"] * len(files), lambda: str(states()))
            assert client.get("/recordings/").status_code == 401
            who_looks_and_who_operates(client, logins(stack.secrets))
            if PROMETHEUS is not None:
                with prometheus(stack) as address:
                    expected = {"asr-pipeline": ["up"], "dask-scheduler": ["up"], "dask-worker": ["up"] * WORKERS}
                    wait_until(lambda: healths(address) == expected, lambda: str(healths(address)))
        both_workers_recognised(stack, len(files))
        assert json.loads(stack.run("gateway", ["asr-pipeline", "verify", "--deep", "--json"]))["findings"] == []
    nothing_is_left(stack)


def who_looks_and_who_operates(client: httpx.Client, known: dict[str, tuple[str, str]]) -> None:
    """Have a viewer see runs and change nothing; an operator may."""
    look = "{ runsOrError { ... on Runs { results { status } } } version }"
    change = (
        'mutation { setSensorCursor(sensorSelector: {repositoryName: "__repository__", repositoryLocationName: '
        '"asr_pipeline", sensorName: "pending_notes"}, cursor: "") { __typename } }'
    )

    def statuses() -> set[str]:
        seen = graphql(client, "/dagster/graphql", known["viewer"], look)
        return {run["status"] for run in seen["data"]["runsOrError"]["results"]}

    wait_until(lambda: statuses() == {"SUCCESS"}, lambda: str(statuses()))
    refused = graphql(client, "/dagster/graphql", known["operator"], change)
    assert refused["data"]["setSensorCursor"]["__typename"] == "UnauthorizedError", refused
    done = graphql(client, "/operate/graphql", known["operator"], change)
    assert done["data"]["setSensorCursor"]["__typename"] == "Sensor", done


def figures(address: str, name: str) -> dict[str, float]:
    """Give a family of figures, as Prometheus would have it, by its labels."""
    lines = httpx.get(address, trust_env=False).text.splitlines()
    pairs = [line.rpartition(" ") for line in lines if line.startswith(f"{name}{{")]
    return {labels.removeprefix(name): float(value) for labels, _, value in pairs}


def both_workers_recognised(stack: Stack, recordings: int) -> None:
    """Ask the scheduler what it gave to whom."""
    address = f"http://{stack.address('scheduler')}:8787/metrics"
    done = figures(address, "dask_scheduler_prefix_state_totals_total")
    spans = sum(count for labels, count in done.items() if 'state="memory"' in labels)
    assert sum(figures(address, "dask_scheduler_workers").values()) == WORKERS
    assert spans >= recordings, done


def nothing_is_left(stack: Stack) -> None:
    """No process, no port, no half-written file."""
    assert stack.processes() == []
    for name in stack.services:
        for port in (3000, 4266, 8000, 8786, 8787, 8788, 9090):
            with socket.socket() as probe:
                assert probe.connect_ex((stack.address(name), port)) != 0, (name, port)
    partial = [path for path in stack.data_dir.rglob("*") if path.name.startswith(PARTIAL_PREFIX)]
    assert partial == []
    assert [path.name for path in (stack.data_dir / "inbox").iterdir()] == []
