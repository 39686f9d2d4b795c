"""Alerts, dashboards and docs/monitoring.md say what is there: expressions parse, and something gives each name."""

import re
from pathlib import Path

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from asr_pipeline_tests.conftest import REPOSITORY
from asr_pipeline_tests.monitoring.names import OF_PROMETHEUS, expressions, given, of_dask, panels, used
from asr_pipeline_tests.monitoring.prometheus import MONITORING, needs_prometheus, promtool, rules

DOCUMENT = REPOSITORY / "docs" / "monitoring.md"
UNITS = {"none", "s", "bytes", "Bps", "reqps", "percentunit"}
WIDTH = 24


def told_in_tables() -> dict[str, list[str]]:
    """Give the document's tables: the names in the first column, by heading."""
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {
        section.partition("\n")[0]: [
            name for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
        ]
        for section in sections
    }


@pytest.fixture(scope="module")
def names_of_dask() -> set[str]:
    return of_dask()


@pytest.mark.e2e
def test_what_the_document_tells_is_what_the_gateway_gives(client: httpx.Client, done_id: str) -> None:
    assert done_id
    ours = {name for name in given(client.get("/metrics").text) if name.startswith("asr_pipeline_")}
    histograms = {name.removesuffix("_bucket") for name in ours if name.endswith("_bucket")}
    parts = {f"{name}{suffix}" for name in histograms for suffix in ("_bucket", "_sum", "_count")}
    tables = told_in_tables()
    told = [
        *tables["Of all recordings, whichever process worked on them"],
        *tables["Of Dagster"],
        *(name for name in tables["Of the gateway's process"] if name.startswith("asr_pipeline_")),
    ]
    assert len(told) == len(set(told))
    only_after_verify = {"asr_pipeline_verify_timestamp_seconds", "asr_pipeline_verify_findings"}
    assert (ours - parts) | histograms | only_after_verify == set(told)


@pytest.mark.e2e
def test_each_name_in_an_expression_is_given_by_something(names_of_dask: set[str]) -> None:
    tables = told_in_tables()
    ours = {name for names in tables.values() for name in names if name.startswith(("asr_pipeline_", "process_"))}
    there = ours | {f"{name}_bucket" for name in ours} | names_of_dask
    for where, expression in expressions().items():
        names = used(expression)
        assert names or re.search(rf"\b{OF_PROMETHEUS}\b", expression), where
        assert names <= there, where
    assert set(tables["Of the cluster"]) <= names_of_dask


def test_each_alert_is_in_the_document_and_has_a_case_for_and_against_it() -> None:
    assert told_in_tables()["Alerts"] == list(rules())
    cases = [one["name"] for one in yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]]
    assert cases == [f"{name}, {what}" for name in rules() for what in ("fires", "is quiet")]
    for rule in rules().values():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


@needs_prometheus
def test_each_alert_fires_at_its_fault_and_is_quiet_without() -> None:
    assert "SUCCESS" in promtool("test", "rules", MONITORING / "alerts_test.yml")


@needs_prometheus
def test_prometheus_takes_configuration_and_rules(tmp_path: Path) -> None:
    promtool("check", "config", MONITORING / "prometheus.local.yml")
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    key = tmp_path / "key"
    key.write_text("asr_key")
    config["scrape_configs"][0]["authorization"]["credentials_file"] = str(key)
    config["rule_files"] = [str(MONITORING / "alerts.yml")]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    promtool("check", "config", tmp_path / "prometheus.yml")


@needs_prometheus
def test_prometheus_parses_each_expression_of_the_dashboards(tmp_path: Path) -> None:
    parsed = [
        {"record": f"it:number{number}", "expr": one.replace("$__rate_interval", "5m")}
        for number, one in enumerate(expressions().values())
    ]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": parsed}]}))
    assert f"{len(parsed)} rules found" in promtool("check", "rules", file)


def test_what_the_jobs_are_called_is_what_the_expressions_ask_for() -> None:
    jobs = {one["job_name"] for one in yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]}
    asked = {job for one in expressions().values() for job in re.findall(r'job="([^"]+)"', one)}
    assert asked == jobs


def test_grafana_finds_its_data_source_and_every_panel_is_whole() -> None:
    provisioned = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text())
    source = {"type": provisioned["datasources"][0]["type"], "uid": provisioned["datasources"][0]["uid"]}
    all_panels = list(panels())
    ids = [panel["id"] for panel in all_panels]
    assert len(ids) == len(set(ids))
    for panel in all_panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= WIDTH
        if panel["type"] == "row":
            continue
        assert panel["type"] in {"timeseries", "stat"}
        assert panel["datasource"] == source
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))
        assert all(target["expr"] and target["datasource"] == source for target in panel["targets"])


def test_panels_do_not_lie_on_one_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_dashboard_has_what_an_operator_asks_for() -> None:
    titles = {panel["title"] for panel in panels()}
    assert titles >= {
        "Throughput", "Real-time factor", "Queue", "Age of the oldest", "Errors by reason", "Confidence", "Cache hits",
        "Memory", "Workers",
    }  # fmt: skip
