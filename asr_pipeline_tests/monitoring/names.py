"""Names of figures: those that our gateway and Dask's processes give, and those that expressions and documents use."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
from distributed import Client, Scheduler, Worker
from prometheus_client.parser import text_string_to_metric_families

from asr_pipeline_tests.monitoring.prometheus import MONITORING, rules

_NAME = re.compile(r"\b(?:asr_pipeline|dask|process)_\w+")
OF_PROMETHEUS = "up"


def used(text: str) -> set[str]:
    """Give the names that an expression, or a document, uses."""
    return set(_NAME.findall(text))


def given(text: str) -> set[str]:
    """Give the names of the samples of /metrics; `_created`, which only tells when a counter began, left out."""
    families = text_string_to_metric_families(text)
    names = {sample.name for family in families for sample in family.samples} | {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(text)
        if family.type in {"counter", "gauge"}
    }
    return {name for name in names if not name.endswith("_created")}


def of_dask() -> set[str]:
    """Give the names that a real scheduler and a real worker give."""
    return asyncio.run(_of_dask())


async def _of_dask() -> set[str]:
    local: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    async with (
        Scheduler(port=0, **local) as scheduler,
        Worker(scheduler.address, nthreads=1, **local) as worker,
        Client(scheduler.address, asynchronous=True) as client,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        assert await client.submit(abs, -1) == 1
        ports = (scheduler.http_server.port, worker.http_server.port)
        answers = [await http.get(f"http://127.0.0.1:{port}/metrics") for port in ports]
        return set().union(*(given(answer.text) for answer in answers))


def expressions() -> dict[str, str]:
    """Give every expression of alerts and dashboards, by where it stands."""
    found = {f"alert {name}": rule["expr"] for name, rule in rules().items()}
    for panel in panels():
        for target in panel.get("targets", []):
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found


def panels() -> Iterator[dict[str, Any]]:
    """Give the panels of all dashboards."""
    for file in sorted((MONITORING / "grafana" / "dashboards").glob("*.json")):
        yield from json.loads(file.read_text())["panels"]
