"""A term from the command line to the Persian of a recording and back, through Dagster with real engines."""

import json
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from asr_pipeline.cli.glossary import app
from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.instance import add_partitions, open_instance, run_in_process
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.glossary import recordings_with_changed_glossary
from asr_pipeline.wiring.pipeline import open_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.database]
PLAIN = "دوربین باغ خراب است."
WITH_TERM = "دوربین مداربسته باغ خراب است."


def glossary(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_term_comes_and_goes(
    database_url: str, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ASR_PIPELINE_DATABASE_URL", database_url)
    with open_pipeline(load_settings()) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        ids = [pipeline.register(samples / name).recording_id for name in ("phrases-1.wav", "phrases-3.wav")]
        add_partitions(instance, ids)
        camera, other = ids

        def run(job: str = "translate_recordings") -> None:
            run_in_process(build_defs().resolve_job_def(job), instance, ids)

        def persian(recording_id: str) -> list[str]:
            (one,) = pipeline.store.translations(recording_id)
            return [translation.text for translation in one.translations]

        def data_version(recording_id: str) -> str:
            records = instance.fetch_materializations(
                dg.AssetRecordsFilter(dg.AssetKey(Stage.TRANSLATIONS.value), asset_partitions=[recording_id]), limit=1
            ).records
            assert records[0].asset_materialization is not None
            return (records[0].asset_materialization.tags or {})["dagster/data_version"]

        def stale() -> set[str]:
            return recordings_with_changed_glossary(pipeline.database, "en", "fa")

        def check(recording_id: str) -> dg.AssetCheckEvaluation:
            events = instance.get_records_for_run(
                instance.get_runs(limit=1)[0].run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION
            ).records
            found = [
                record.event_log_entry.dagster_event.asset_check_evaluation_data
                for record in events
                if record.event_log_entry.dagster_event
            ]
            (one,) = [e for e in found if e.check_name == "glossary_used" and e.partition == recording_id]
            return one

        run("process_recordings")
        before = persian(camera)
        versions = {one: data_version(one) for one in ids}
        assert before[0] == PLAIN
        assert check(camera).passed

        # added: one recording is stale; made anew, it has the term, and nothing else is another
        assert "Translations of 1 recording into fa are stale" in glossary("add", "camera", "دوربین مداربسته")
        assert "asr-pipeline backfill --stale" in glossary("add", "Umbrella", "سایبان")
        assert stale() == {camera}
        run()
        assert persian(camera) == [WITH_TERM, *before[1:]]
        assert stale() == set()
        assert check(camera).passed
        assert data_version(camera) != versions[camera]
        assert data_version(other) == versions[other]
        subtitle = pipeline.layout.subtitle_of(camera, "fa", next(iter(pipeline.store.subtitles(camera))).format)
        assert "مداربسته" in subtitle.read_text()

        # removed: back to the old text, which the memory has kept apart
        glossary("remove", "camera")
        assert stale() == {camera}
        run()
        assert persian(camera) == before
        assert data_version(camera) == versions[camera]
        assert stale() == set()

        # a term that can't be put with confidence: the plain translation stands, and that is told
        assert json.loads(glossary("list", "--json")) == [
            {"term": "umbrella", "translation": "سایبان", "language": "fa"}
        ]
        glossary("add", "on", "بر")
        run()
        assert persian(camera) == before
        told = check(camera)
        assert not told.passed
        assert told.severity is dg.AssetCheckSeverity.WARN
        assert told.description == "fa: utterance 1: 'on' is not 'بر'"
