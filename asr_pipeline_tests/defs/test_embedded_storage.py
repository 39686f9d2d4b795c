"""Dagster's storage with kept connections: what it writes, Dagster's own reads, and the other way round."""

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_shared.record import copy

from asr_pipeline.defs.embedded_storage import KEPT, KeptEventLog
from asr_pipeline.defs.instance import open_instance

pytestmark = [pytest.mark.e2e, pytest.mark.database, pytest.mark.sqlite_alone]


@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["a", "b"]), check_specs=[dg.AssetCheckSpec("good", asset="thing")]
)
def thing() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(
        metadata={"words": 3},
        tags={"dagster/data_version": "1"},
        check_results=[dg.AssetCheckResult(check_name="good", passed=True)],
    )


def run(instance: dg.DagsterInstance, partition: str = "a") -> str:
    return dg.materialize([thing], instance=instance, partition_key=partition).run_id


def seen(instance: dg.DagsterInstance, run_ids: list[str]) -> list[object]:
    """Give what people and the daemon ask for."""
    records = instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records
    check = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
    return [
        [(one.partition_key, one.run_id, one.storage_id) for one in records],
        instance.get_materialized_partitions(dg.AssetKey("thing")),
        [repr(entry) for run_id in run_ids for entry in instance.all_logs(run_id)],
        [
            (one.run_id, one.status.value)
            for one in instance.event_log_storage.get_asset_check_execution_history(check, limit=100)
        ],
        [instance.get_run_by_id(run_id) for run_id in run_ids],
        instance.all_asset_keys(),
    ]


@pytest.mark.parametrize("wrote", ["ours", "dagster's"])
def test_each_reads_what_the_other_wrote_and_goes_on_from_there(tmp_path: Path, wrote: str) -> None:
    home = tmp_path / "home"
    with open_instance(home) as instance:
        assert isinstance(instance.event_log_storage, KeptEventLog)
        ours = [run(instance)] if wrote == "ours" else []
        as_ours = seen(instance, ours)
    yaml = (home / "dagster.yaml").read_text()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert seen(instance, ours) == as_ours
        both = [*ours, run(instance, "b")]
        as_dagsters = seen(instance, both)
    (home / "dagster.yaml").write_text(yaml)
    with open_instance(home) as instance:
        assert seen(instance, both) == as_dagsters
        run(instance, "b")
        assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records) == len(both) + 1


def rewritten(instance: dg.DagsterInstance, run_id: str, partition: str) -> list[dg.EventLogEntry]:
    """Give a run's materialization and check, as of another partition."""
    found = []
    for kind in (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        entry = instance.all_logs(run_id, of_type=kind)[0]
        event = entry.get_dagster_event()
        data: Any = event.event_specific_data
        if isinstance(data, dg.AssetCheckEvaluation):
            data = copy(data, partition=partition)
        else:
            data = data._replace(materialization=data.materialization._replace(partition=partition))
        found.append(entry._replace(dagster_event=event._replace(event_specific_data=data)))
    return found


def test_a_batch_is_stored_as_its_events_one_by_one_would_be(tmp_path: Path) -> None:
    """Checks that were planned for a partition, that were not, and both in one batch."""
    found = []
    for name in ("one by one", "at once"):
        with open_instance(tmp_path / name) as instance:
            log = instance.event_log_storage
            assert isinstance(log, KeptEventLog)
            run_id = run(instance)
            for keys in (["c", "d"], ["d", "c"], ["c", "e"]):
                entries = [entry for key in keys for entry in rewritten(instance, run_id, key)]
                if name == "at once":
                    log.store_event_batch(entries)
                else:
                    for entry in entries:
                        log.store_event(entry)
            assert instance.get_materialized_partitions(dg.AssetKey("thing")) == {"a", "c", "d", "e"}
            found.append(catalogue(instance, run_id))
    assert found[0] == found[1]


def catalogue(instance: dg.DagsterInstance, run_id: str) -> list[object]:
    thing = dg.AssetKey("thing")
    (record,) = instance.get_asset_records([thing])
    last = record.asset_entry.last_materialization_record
    checks = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(thing, "good"), limit=100)
    return [
        [(one.storage_id, one.partition_key) for one in instance.fetch_materializations(thing, limit=100).records],
        last and (last.storage_id, last.partition_key),
        record.asset_entry.last_run_id == run_id,
        [(one.id, one.partition, one.status, one.event and one.event.message) for one in checks],
        Counter(entry.dagster_event_type for entry in instance.all_logs(run_id)),
        instance.event_log_storage.get_event_tags_for_asset(thing),
    ]


def test_a_batch_is_there_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_instance(tmp_path / "home") as instance:
        log = instance.event_log_storage
        run_id = run(instance)
        entries = rewritten(instance, run_id, "b")
        before = seen(instance, [run_id])
        with monkeypatch.context() as patch:
            patch.setattr(KeptEventLog, "_note_evaluations", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                log.store_event_batch(entries)
        assert seen(instance, [run_id]) == before
        log.store_event_batch(entries)
        assert instance.get_materialized_partitions(dg.AssetKey("thing")) == {"a", "b"}


def test_threads_write_at_once(tmp_path: Path) -> None:
    with open_instance(tmp_path / "home") as instance:
        materialization = dg.AssetMaterialization("thing", partition="a")
        threads = [
            threading.Thread(target=lambda: [instance.report_runless_asset_event(materialization) for _ in range(10)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records) == 80


def test_connections_are_few_and_are_closed(tmp_path: Path) -> None:
    process = psutil.Process()

    def opened() -> int:
        return sum(file.path.startswith(str(tmp_path)) and file.path.endswith(".db") for file in process.open_files())

    with open_instance(tmp_path / "home") as instance:
        run_ids = [run(instance) for _ in range(KEPT + 4)]
        assert all(instance.all_logs(run_id) for run_id in run_ids)
        assert instance.all_instigator_state() == []
        assert 1 < opened() <= KEPT + 2  # and those of runs and schedules
    assert opened() == 0


@pytest.mark.fault
def test_tables_that_a_killed_process_did_not_make_are_made(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "history" / "runs").mkdir(parents=True)
    (home / "history" / "runs" / "index.db").touch()  # as SQLite makes it, before its first table
    with open_instance(home) as instance:
        assert list(instance.get_dynamic_partitions("recordings")) == []
        run(instance)
        assert len(instance.fetch_materializations(dg.AssetKey("thing"), limit=100).records) == 1
