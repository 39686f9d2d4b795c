"""Runs through Dagster, with real engines on real files: partial success, retries, subsets, what is logged."""

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.assets import recording_stages
from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, add_partitions, open_instance, run_in_process
from asr_pipeline.defs.lineage import told_by_earlier_runs
from asr_pipeline.domain.ledger import FindingKind
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import DEPENDS_ON, Stage
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.verify import verify
from asr_pipeline.storage.verify_files import FileChecks
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline
from asr_pipeline_tests.archives import write_memo

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@dataclass
class House:
    """An installation in a folder of its own."""

    pipeline: Pipeline
    instance: dg.DagsterInstance

    def register(self, *files: Path) -> list[str]:
        ids = [self.pipeline.register(file).recording_id for file in files]
        add_partitions(self.instance, ids)
        return ids

    def run(self, ids: list[str], job: str = "process_recordings") -> None:
        run_in_process(build_defs().resolve_job_def(job), self.instance, ids)

    def materialized(self, stage: Stage) -> Counter[str | None]:
        records = self.instance.fetch_materializations(dg.AssetKey(stage.value), limit=1000).records
        return Counter(record.partition_key for record in records)

    def status(self, stage: Stage) -> dict[str, str]:
        defs = build_defs()
        assets = defs.resolve_assets_def(stage.value)
        statuses = self.instance.get_status_by_partition(
            dg.AssetKey(stage.value),
            self.instance.get_dynamic_partitions("recordings"),
            assets.partitions_def,  # type: ignore[arg-type]
        )
        return {key: status.value for key, status in (statuses or {}).items() if status}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_pipeline(load_settings()) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        yield House(pipeline, instance)


@pytest.fixture
def corrupt(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"corrupt-{number}.wav" for number in range(3)]
    for number, file in enumerate(files):
        file.write_bytes(b"RIFF this is no audio %d" % number)
    return files


def sample_copies(samples: Path, folder: Path, count: int) -> list[Path]:
    """Make recordings of different bytes from the samples: some sound alike."""
    originals = sorted(samples.glob("*.wav"))
    return [
        write_memo(originals[number % len(originals)], folder / f"memo-{number}.wav", number) for number in range(count)
    ]


def test_good_ones_are_materialized_and_corrupt_ones_fail_on_every_asset(
    house: House, samples: Path, tmp_path: Path, corrupt: list[Path]
) -> None:
    good = sample_copies(samples, tmp_path, 5)
    ids = house.register(*good[:2], corrupt[0], *good[2:3], corrupt[1], corrupt[2], *good[3:])
    house.run(ids)
    bad = {recording_id for recording_id in ids if recording_id.startswith("corrupt")}
    for stage in Stage:
        assert set(house.materialized(stage)) == set(ids) - bad
        status = house.status(stage)
        assert {key for key, value in status.items() if value == "MATERIALIZED"} == set(ids) - bad, stage
        assert {key for key, value in status.items() if value == "FAILED"} == bad, stage
    assert house.pipeline.store.count_by_state() == {
        RecordingState.DONE: 5,
        RecordingState.QUARANTINED: 3,
        RecordingState.FAILED: 0,
        RecordingState.IN_PROGRESS: 0,
        RecordingState.DROPPED: 0,
    }
    (run,) = house.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert run.tags[RANGE_START_TAG] == ids[0]
    assert run.tags[RANGE_END_TAG] == ids[-1]

    # the cause is mended: retrying that one clears it, on every asset
    mended = house.pipeline.store.recording(ids[2])
    shutil.copy(good[0], house.pipeline.layout.source_of(mended))
    house.run([ids[2]])
    for stage in Stage:
        assert house.status(stage)[ids[2]] == "MATERIALIZED", stage
    assert house.pipeline.store.count_by_state()[RecordingState.QUARANTINED] == 2


def test_translations_alone_recompute_nothing_upstream(house: House, samples: Path) -> None:
    (recording_id,) = house.register(samples / "phrases-1.wav")
    house.run([recording_id])
    audio = house.pipeline.layout.audio_of(recording_id)
    before = audio.stat()
    house.run([recording_id], "translate_recordings")
    assert audio.stat().st_mtime_ns == before.st_mtime_ns
    counts = {stage: house.materialized(stage)[recording_id] for stage in Stage}
    assert counts == {
        Stage.RAW_AUDIO: 1,
        Stage.SEGMENTS: 1,
        Stage.TRANSCRIPTS: 1,
        Stage.TRANSLATIONS: 2,
        Stage.SUBTITLES: 2,
    }


def with_german(house: House, recording_id: str) -> list[Path]:
    """Have a recording captioned in a language that the settings don't name any more; give the files."""
    store, layout = house.pipeline.store, house.pipeline.layout
    paths = [layout.subtitle_of(recording_id, "de", file_format) for file_format in SubtitleFormat]
    german = [
        SubtitleFile("de", form, layout.relative(path), 1) for form, path in zip(SubtitleFormat, paths, strict=True)
    ]
    for path in paths:
        path.write_text("von gestern")
    store.save_subtitles(recording_id, [*store.subtitles(recording_id), *german], RunContext("before", "before"))
    return paths


def orphans(house: House) -> set[str]:
    found = verify(house.pipeline.database, house.pipeline.layout, FileChecks(young_s=-1), lambda *_: None).findings
    return {finding.subject for finding in found if finding.kind is FindingKind.ORPHAN_FILE}


def test_subtitles_of_languages_that_are_not_wanted_any_more_go(house: House, samples: Path) -> None:
    (recording_id,) = house.register(samples / "phrases-3.wav")
    house.run([recording_id])
    german = with_german(house, recording_id)
    assert orphans(house) == set()
    house.run([recording_id], "translate_recordings")
    assert not any(path.exists() for path in german)
    assert orphans(house) == set()
    kept = house.pipeline.store.subtitles(recording_id)
    assert {file.language for file in kept} == {"en", "fa", "bilingual"}
    assert all(house.pipeline.layout.absolute(file.path).exists() for file in kept)


@pytest.mark.fault
def test_what_can_not_be_removed_is_named_by_verify_and_stops_nothing(
    house: House, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recording_id,) = house.register(samples / "phrases-3.wav")
    house.run([recording_id])
    german = with_german(house, recording_id)
    unlink = Path.unlink

    def refuse(path: Path, *, missing_ok: bool = False) -> None:
        if path in german:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    house.run([recording_id], "translate_recordings")
    assert house.pipeline.store.count_by_state()[RecordingState.DONE] == 1
    assert orphans(house) == {house.pipeline.layout.relative(path) for path in german}


def test_what_is_done_meanwhile_is_told_and_not_computed_again(house: House, samples: Path) -> None:
    (recording_id,) = house.register(samples / "phrases-1.wav")
    house.run([recording_id])
    audio = house.pipeline.layout.audio_of(recording_id)
    before = audio.stat()
    run_in_process(
        build_defs().resolve_job_def("process_recordings"), house.instance, [recording_id], only_missing=True
    )
    assert audio.stat().st_mtime_ns == before.st_mtime_ns
    assert all(house.materialized(stage)[recording_id] == 2 for stage in Stage)


def test_scattered_recordings_go_into_one_run(house: House, samples: Path, tmp_path: Path) -> None:
    ids = house.register(*sample_copies(samples, tmp_path, 5))
    house.run([ids[0], ids[2], ids[4]])
    assert set(house.materialized(Stage.SUBTITLES)) == {ids[0], ids[2], ids[4]}
    assert house.instance.get_runs_count() == 1


def test_materializations_and_checks_tell_what_people_want_to_see(house: House, samples: Path) -> None:
    (recording_id,) = house.register(samples / "phrases-2.wav")
    house.run([recording_id])

    def metadata(stage: Stage) -> dict[str, object]:
        (record,) = house.instance.fetch_materializations(dg.AssetKey(stage.value), limit=1).records
        assert record.asset_materialization is not None
        tags = record.asset_materialization.tags or {}
        assert tags["dagster/data_version"]
        assert tags["dagster/code_version"]
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    audio = metadata(Stage.RAW_AUDIO)
    assert audio["duration_s"] == pytest.approx(12.1, abs=0.1)
    assert str(audio["waveform"]).startswith("![waveform](data:image/png;base64,")
    assert len(str(audio["waveform"])) < 1000  # the UI shows a longer one only on a click
    words = metadata(Stage.TRANSCRIPTS)
    assert words["words"] == 19
    assert "Mina likes to speak turkish on weekends." in str(words["preview"])
    assert 0 < float(str(words["real_time_factor"])) < 2
    persian = str(metadata(Stage.TRANSLATIONS)["preview"])
    assert "\u2067" in persian
    assert "مینا" in persian
    assert "srt" in str(metadata(Stage.SUBTITLES)["files"])

    checks = house.instance.event_log_storage.get_latest_asset_check_execution_by_key
    latest = checks([spec.key for spec in recording_stages.check_specs])
    assert len(latest) == len(list(recording_stages.check_specs))
    for key, record in latest.items():
        assert record.event is not None
        evaluation = record.event.dagster_event.event_specific_data  # type: ignore[union-attr]
        assert evaluation.partition == recording_id, key  # type: ignore[union-attr]
        assert evaluation.passed, key  # type: ignore[union-attr]


def test_nothing_looks_out_of_date_after_stages_are_done_anew(house: House, samples: Path) -> None:
    (recording_id,) = house.register(samples / "phrases-1.wav")
    house.run([recording_id])
    house.run([recording_id], "translate_recordings")

    def tags(stage: Stage) -> dict[str, str]:
        (record,) = house.instance.fetch_materializations(dg.AssetKey(stage.value), limit=1).records
        assert record.asset_materialization is not None
        return dict(record.asset_materialization.tags or {})

    versions = {stage: tags(stage)["dagster/data_version"] for stage in Stage}
    assert len(set(versions.values())) == len(Stage)
    for stage in Stage:
        inputs = {name: tag for name, tag in tags(stage).items() if name.startswith("dagster/input_data_version/")}
        assert inputs == {f"dagster/input_data_version/{dep}": versions[dep] for dep in DEPENDS_ON[stage]}


def test_what_a_crashed_run_logged_is_found(house: House, samples: Path) -> None:
    (recording_id,) = house.register(samples / "phrases-1.wav")
    house.run([recording_id])
    (first,) = house.instance.get_runs()
    retry = house.instance.create_run_for_job(
        build_defs().resolve_job_def("process_recordings"),
        parent_run_id=first.run_id,
        root_run_id=first.run_id,
        tags={"dagster/retry_number": "1", "dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id},
    )
    assert told_by_earlier_runs(house.instance, retry) == {(recording_id, stage) for stage in Stage}


def test_a_missing_model_is_told_as_it_is(house: House, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from asr_pipeline.domain.errors import ModelMissing  # noqa: PLC0415

    ids = house.register(samples / "phrases-1.wav")
    monkeypatch.setenv("ASR_PIPELINE_VOSK_MODEL", "no-such-model")
    with pytest.raises(ModelMissing, match="no-such-model"):
        house.run(ids)
