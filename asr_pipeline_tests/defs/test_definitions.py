"""The catalogue: what Dagster loads, and that it says what people need to know."""

import subprocess
import sys

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.assets import recording_stages
from asr_pipeline.defs.checks import CHECKS
from asr_pipeline.domain.stage import Stage

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def graph() -> dg.AssetsDefinition:
    return recording_stages


def test_the_assets_are_the_stages(graph: dg.AssetsDefinition) -> None:
    assert {key.to_user_string() for key in graph.keys} == {stage.value for stage in Stage}
    assert {
        spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps} for spec in graph.specs
    } == {
        "raw_audio": set(),
        "segments": {"raw_audio"},
        "transcripts": {"raw_audio", "segments"},
        "translations": {"transcripts"},
        "subtitles": {"transcripts", "translations"},
    }


def test_each_asset_tells_what_people_ask(graph: dg.AssetsDefinition) -> None:
    for spec in graph.specs:
        assert spec.description
        assert spec.group_name == "speech"
        assert spec.owners
        assert spec.kinds
        assert spec.code_version
        assert spec.partitions_def is not None
        columns = spec.metadata["dagster/column_schema"].columns
        assert all(column.description for column in columns)


def test_the_columns_are_those_that_an_export_has(graph: dg.AssetsDefinition) -> None:
    from asr_pipeline.storage.tables import metadata  # noqa: PLC0415

    for spec in graph.specs:
        table = metadata.tables[spec.metadata["dagster/table_name"]]
        named = {column.name for column in spec.metadata["dagster/column_schema"].columns}
        # the database counts recordings; an export names them
        exported = {name.replace("recording_number", "recording_id") for name in table.columns.keys()}  # noqa: SIM118
        assert named <= exported, spec.key


def test_each_check_belongs_to_an_asset_and_is_described(graph: dg.AssetsDefinition) -> None:
    assert len({(check.stage, check.name) for check in CHECKS}) == len(CHECKS)
    assert len(list(graph.check_specs)) == len(CHECKS)
    assert all(spec.description for spec in graph.check_specs)


def test_jobs_select_their_stages() -> None:
    defs = build_defs()
    for name, stages in {
        "process_recordings": set(Stage),
        "translate_recordings": {Stage.TRANSLATIONS, Stage.SUBTITLES},
        "caption_recordings": {Stage.SUBTITLES},
    }.items():
        job = defs.resolve_job_def(name)
        assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == {s.value for s in stages}


def test_the_definitions_load_without_models_database_or_warnings() -> None:
    program = (
        "import asr_pipeline.definitions, sys; "
        "loaded = {'torch', 'stanza', 'ctranslate2', 'vosk', 'pandas'} & set(sys.modules); "
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=120)


def test_dagster_takes_them_as_they_are() -> None:
    dg.Definitions.validate_loadable(build_defs())


def test_what_is_not_a_stage_is_told_as_well() -> None:
    for key in build_defs().resolve_all_asset_keys():
        (spec,) = (one for one in build_defs().resolve_all_asset_specs() if one.key == key)
        assert spec.description, key
        assert spec.owners, key
        assert spec.kinds, key
        assert spec.group_name in {"speech", "notes", "operations"}, key


def test_the_quarantine_is_in_the_catalogue_with_its_check() -> None:
    defs = build_defs()
    (spec,) = defs.resolve_assets_def("quarantine").specs
    assert (spec.group_name, spec.partitions_def) == ("operations", None)
    assert spec.description
    assert spec.owners
    assert spec.kinds
    names = {key.name for key in defs.resolve_asset_graph().asset_check_keys if key.asset_key == spec.key}
    assert names == {"quarantine_is_empty"}


def test_the_inbox_sensor_runs_by_itself() -> None:
    sensor = build_defs().resolve_sensor_def("inbox")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.job_name == "process_recordings"
    assert sensor.description
