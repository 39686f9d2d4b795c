"""Dagster and SQL held against each other, with a real instance; and the asset that tells of it."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.instance import add_partitions, open_instance
from asr_pipeline.defs.operations import ledger
from asr_pipeline.defs.reconcile import compare, fail_runs_at_work, repair
from asr_pipeline.domain.ledger import Finding, FindingKind
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.tables import recordings
from asr_pipeline.wiring.storage import open_storage
from asr_pipeline_tests.storage.house import House, told

pytestmark = [pytest.mark.e2e, pytest.mark.database, pytest.mark.usefixtures("on_either_database")]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_either_database: None) -> Iterator[House]:  # noqa: ARG001
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_storage(load_settings()) as storage:
        yield House(storage.database, storage.layout)


@pytest.fixture
def instance(house: House) -> Iterator[dg.DagsterInstance]:
    with open_instance(house.layout.dagster_home) as opened:
        yield opened


def mend(instance: dg.DagsterInstance, house: House, findings: list[Finding]) -> None:
    repair(instance, house.store, findings, lambda: None)


def test_what_dagster_was_never_told_is_found_and_told(instance: dg.DagsterInstance, house: House) -> None:
    one, two = house.finish("one.wav"), house.register("two.wav")
    house.commit(two, Stage.RAW_AUDIO)
    findings = list(compare(instance, house.engine, at_work=False))
    assert told(findings) == {
        ("materialization_missing", one),
        ("materialization_missing", two),
        ("partition_missing", one),
        ("partition_missing", two),
    }
    assert len(findings) == len(Stage) + 1 + 2
    mend(instance, house, findings)
    assert list(compare(instance, house.engine, at_work=False)) == []
    (record,) = instance.fetch_materializations(dg.AssetKey("transcripts"), limit=10).records
    assert record.partition_key == one
    assert record.asset_materialization is not None
    assert record.asset_materialization.metadata["words"].value == 6
    assert (record.asset_materialization.tags or {})["dagster/data_version"]


def test_recordings_in_progress_may_lag(instance: dg.DagsterInstance, house: House) -> None:
    house.register("new.wav")
    run = instance.create_run_for_job(build_defs().resolve_job_def("process_recordings"))
    at_work = house.register("at work.wav")
    add_partitions(instance, [at_work])
    house.commit(at_work, Stage.RAW_AUDIO, run=RunContext(run.run_id, run.run_id))
    assert list(compare(instance, house.engine)) == []
    assert fail_runs_at_work(instance, "It was at work then.") == 1
    assert told(compare(instance, house.engine)) == {("materialization_missing", at_work)}


def test_a_deleted_partition_and_strange_ones_are_found(instance: dg.DagsterInstance, house: House) -> None:
    one = house.finish("one.wav")
    mend(instance, house, list(compare(instance, house.engine, at_work=False)))
    instance.delete_dynamic_partition("recordings", one)
    add_partitions(instance, ["by-hand"])
    instance.report_runless_asset_event(dg.AssetMaterialization("segments", partition="by-hand"))
    assert told(compare(instance, house.engine)) == {
        ("partition_missing", one),
        ("partition_unknown", "by-hand"),
        ("materialization_unknown", "by-hand"),
    }


def test_retired_recordings_are_left_out(instance: dg.DagsterInstance, house: House) -> None:
    house.finish("old.wav")
    with writing(house.engine) as connection:
        connection.execute(sa.update(recordings).values(retired_at=dt.datetime.now(dt.UTC)))
    assert list(compare(instance, house.engine, at_work=False)) == []


def test_the_ledger_tells_whether_nothing_is_lost(instance: dg.DagsterInstance, house: House) -> None:
    one = house.finish("one.wav")
    mend(instance, house, list(compare(instance, house.engine, at_work=False)))

    def check() -> tuple[dict[str, object], dg.AssetCheckEvaluation]:
        result = dg.materialize([ledger], instance=instance)
        (materialization,) = result.asset_materializations_for_node("ledger")
        (evaluation,) = result.get_asset_check_evaluations()
        return {name: value.value for name, value in materialization.metadata.items()}, evaluation

    metadata, evaluation = check()
    assert evaluation.passed
    assert "| done | 1 |" in str(metadata["equation"])
    house.layout.audio_of(one).unlink()
    metadata, evaluation = check()
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR
    assert evaluation.description == f"1 {FindingKind.AUDIO_MISSING}"
    assert one in str(evaluation.metadata["findings"].value)
    assert metadata["findings"] == 1


def test_the_catalogue_says_what_it_is() -> None:
    spec = build_defs().resolve_assets_def("ledger").get_asset_spec()
    assert spec.group_name == "operations"
    assert spec.owners
    assert spec.kinds == {"sql", "dagster"}
    assert spec.description
    assert spec.partitions_def is None
