"""Backfills in this process, with real engines: which runs there are, what is done anew, what is left alone."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.cli import backfill
from asr_pipeline.cli.backfill import Backfill, Wanted
from asr_pipeline.definitions import build_defs
from asr_pipeline.defs import backfill as defs_backfill
from asr_pipeline.defs.backfill import in_runs
from asr_pipeline.defs.instance import RANGE_START_TAG, add_partitions, open_instance
from asr_pipeline.defs.retirement import give_partitions, retire, to_retire
from asr_pipeline.domain.errors import StorageFull
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.tables import recordings, stage_commits
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline
from asr_pipeline_tests.archives import write_memos

pytestmark = [pytest.mark.e2e, pytest.mark.engine]
TOMORROW = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)


@dataclass
class House:
    """An installation in a folder of its own; `pipeline` has the settings of the environment at each call."""

    instance: dg.DagsterInstance

    def register(self, *files: Path) -> list[str]:
        with open_pipeline(load_settings()) as pipeline:
            return [pipeline.register(file).recording_id for file in files]

    def backfill(self, wanted: Wanted = Wanted.MISSING, limit: int | None = None) -> Backfill:
        with open_pipeline(load_settings()) as pipeline:
            work = backfill.plan(pipeline, self.instance, wanted, dt.datetime(2020, 1, 1), limit)  # noqa: DTZ001 - as typed
            backfill.run(pipeline, self.instance, work, wanted)
            return work

    def committed(self) -> Mapping[tuple[str, Stage], dt.datetime]:
        joined = stage_commits.join(recordings)
        query = sa.select(recordings.c.recording_id, stage_commits.c.stage, stage_commits.c.committed_at)
        with open_pipeline(load_settings()) as pipeline, pipeline.database.connect() as connection:
            rows = connection.execute(query.select_from(joined))
            return {(recording_id, Stage(stage)): moment for recording_id, stage, moment in rows if moment}

    def states(self) -> Mapping[RecordingState, int]:
        with open_pipeline(load_settings()) as pipeline:
            return {state: count for state, count in pipeline.store.count_by_state().items() if count}

    def ranges(self) -> list[bool]:
        """Tell of each run, in their order, whether it was a range."""
        return [RANGE_START_TAG in run.tags for run in reversed(self.instance.get_runs())]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_instance(tmp_path / "data" / "dagster") as instance:
        yield House(instance)


@pytest.fixture
def memos(tmp_path: Path, samples: Path) -> list[Path]:
    return write_memos(tmp_path / "archive", samples / "phrases-3.wav", 5)


@given(st.sets(st.integers(0, 999), max_size=500))
def test_runs_cover_what_is_wanted_once_in_order(wanted: set[int]) -> None:
    known = [f"r{number}" for number in range(1000)]
    runs = list(in_runs(known, [f"r{number}" for number in wanted]))
    assert [one for run in runs for one in run] == [f"r{number}" for number in sorted(wanted)]
    assert all(len(run) == 200 for run in runs[:-1])


def test_missing_ones_go_in_range_runs(house: House, memos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defs_backfill, "RECORDINGS_PER_RUN", 2)
    ids = house.register(*memos)
    work = house.backfill()
    assert (work.runs, work.outcome.done, work.outcome.failed) == (3, ids, [])
    assert house.ranges() == [True, True, True]
    assert list(house.instance.get_dynamic_partitions("recordings")) == ids
    assert house.backfill().recordings == 0


def test_a_limit_takes_the_first_and_scattered_ones_go_in_one_run(house: House, memos: list[Path]) -> None:
    ids = house.register(*memos)
    add_partitions(house.instance, ids)
    assert house.backfill(limit=1).outcome.done == ids[:1]
    house.instance.create_run_for_job(
        build_defs().resolve_job_def("process_recordings"),
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": ids[2]},
    )
    work = house.backfill()
    assert work.outcome.done == [ids[1], ids[3], ids[4]]
    assert work.left_alone == 1
    assert house.ranges() == [True, False, False]
    assert house.states() == {RecordingState.DONE: 4, RecordingState.IN_PROGRESS: 1}


def test_failed_ones_are_named_and_can_be_taken_again(house: House, memos: list[Path]) -> None:
    ids = house.register(*memos[:2])
    corrupt = memos[0].with_name("corrupt.wav")
    corrupt.write_text("no audio")
    house.register(corrupt)
    work = house.backfill()
    assert work.outcome.done == ids
    ((name, reason),) = work.outcome.failed
    assert name == "corrupt.wav"
    assert "corrupt.wav" in reason
    with open_pipeline(load_settings()) as pipeline:
        full = StorageFull("a disk", expected="room", found="none", remedy="Free some.")
        pipeline.store.save_failure(ids[1], Stage.SUBTITLES, full, RunContext("r", "r"))
    before = house.committed()
    again = house.backfill(Wanted.FAILED)
    assert again.outcome.done == [ids[1]]
    assert {key for key, moment in house.committed().items() if moment != before[key]} == {(ids[1], Stage.SUBTITLES)}
    assert house.states() == {RecordingState.DONE: 2, RecordingState.QUARANTINED: 1}


def test_since_does_all_stages_again(house: House, memos: list[Path]) -> None:
    ids = house.register(*memos[:2])
    house.backfill()
    before = house.committed()
    assert house.backfill(Wanted.SINCE, limit=1).outcome.done == ids[:1]
    assert {key for key, moment in house.committed().items() if moment != before[key]} == {
        (ids[0], stage) for stage in Stage
    }


def test_only_stages_that_depend_on_a_change_are_done_anew(
    house: House, memos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = house.register(*memos[:3])
    house.backfill()
    first = house.committed()
    assert house.backfill(Wanted.STALE).recordings == 0
    with open_pipeline(load_settings()) as pipeline:
        audio = [pipeline.layout.audio_of(one).stat() for one in ids]

    monkeypatch.setenv("ASR_PIPELINE_BEAM_SIZE", "2")
    work = house.backfill(Wanted.STALE)
    assert work.outcome.done == ids
    (reason,) = work.groups[0].reasons
    assert reason.startswith("translations: code 1; fa: argos")
    assert "beam 1 → code 1; fa: argos" in reason
    second = house.committed()
    assert {stage for one, stage in first if first[one, stage] != second[one, stage]} == {
        Stage.TRANSLATIONS,
        Stage.SUBTITLES,
    }
    with open_pipeline(load_settings()) as pipeline:
        assert [pipeline.layout.audio_of(one).stat() for one in ids] == audio

    monkeypatch.setenv("ASR_PIPELINE_SUBTITLE_LINE_CHARS", "30")
    house.backfill(Wanted.STALE, limit=1)
    third = house.committed()
    assert {key for key in second if second[key] != third[key]} == {(ids[0], Stage.SUBTITLES)}
    assert house.backfill(Wanted.STALE).outcome.done == ids[1:]
    assert house.backfill(Wanted.STALE).recordings == 0


def test_scattered_ones_can_be_done_from_a_stage_on(
    house: House, memos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = house.register(*memos[:3])
    house.backfill()
    monkeypatch.setenv("ASR_PIPELINE_SUBTITLE_LINES", "1")
    house.instance.create_run_for_job(
        build_defs().resolve_job_def("process_recordings"),
        status=dg.DagsterRunStatus.STARTING,
        run_config={"ops": {"recording_stages": {"config": {"keys": [ids[1]]}}}},
    )
    before = house.committed()
    assert house.backfill(Wanted.STALE).outcome.done == [ids[0], ids[2]]
    assert {key for key, moment in house.committed().items() if moment != before[key]} == {
        (ids[0], Stage.SUBTITLES),
        (ids[2], Stage.SUBTITLES),
    }
    assert house.ranges() == [True, False, False]


def test_a_retired_recording_is_back_when_it_is_asked_for(house: House, memos: list[Path]) -> None:
    ids = house.register(*memos[:3])
    house.backfill()
    late = house.register(memos[3])
    with open_pipeline(load_settings()) as pipeline:
        add_partitions(house.instance, late)
        found = to_retire(house.instance, pipeline.database, TOMORROW)
        assert sorted(found) == sorted(ids)
        assert to_retire(house.instance, pipeline.database, TOMORROW - dt.timedelta(days=9)) == []
        told: list[int] = []
        retire(house.instance, pipeline.database, found, told.append)
        assert told == [3]
        assert list(house.instance.get_dynamic_partitions("recordings")) == late
        assert to_retire(house.instance, pipeline.database, TOMORROW) == []
        assert pipeline.store.count_by_state()[RecordingState.DONE] == 3
        assert len(house.instance.fetch_materializations(dg.AssetKey("subtitles"), limit=10).records) == 3
        assert retired(pipeline) == set(ids)
    work = house.backfill(Wanted.SINCE, limit=1)
    assert work.outcome.done == ids[:1]
    with open_pipeline(load_settings()) as pipeline:
        assert retired(pipeline) == set(ids[1:])
        assert list(house.instance.get_dynamic_partitions("recordings")) == [*late, ids[0]]


def test_retiring_goes_on_where_it_was_killed(house: House, memos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ids = house.register(*memos[:3])
    house.backfill()
    delete = dg.DagsterInstance.delete_dynamic_partition

    def killed(self: dg.DagsterInstance, definition: str, key: str) -> None:
        if key == ids[1]:
            raise KeyboardInterrupt
        delete(self, definition, key)

    with open_pipeline(load_settings()) as pipeline:
        with monkeypatch.context() as patched:
            patched.setattr(dg.DagsterInstance, "delete_dynamic_partition", killed)
            with pytest.raises(KeyboardInterrupt):
                retire(house.instance, pipeline.database, ids, lambda _: None)
        assert retired(pipeline) == set(ids)
        left = to_retire(house.instance, pipeline.database, TOMORROW)
        assert left == ids[1:]
        retire(house.instance, pipeline.database, left, lambda _: None)
        assert list(house.instance.get_dynamic_partitions("recordings")) == []
        give_partitions(house.instance, pipeline.database, ids)
        assert retired(pipeline) == set()


def test_a_retired_recording_that_is_processed_again_gets_its_partition_back(house: House, memos: list[Path]) -> None:
    from asr_pipeline.cli.process import process_files  # noqa: PLC0415

    (recording_id,) = house.register(memos[0])
    house.backfill()
    with open_pipeline(load_settings()) as pipeline:
        retire(house.instance, pipeline.database, [recording_id], lambda _: None)
        assert process_files(pipeline, memos[:1], again=False).done == [recording_id]
        assert retired(pipeline) == {recording_id}
        assert process_files(pipeline, memos[:1], again=True).done == [recording_id]
        assert retired(pipeline) == set()
    assert list(house.instance.get_dynamic_partitions("recordings")) == [recording_id]


def retired(pipeline: Pipeline) -> set[str]:
    query = sa.select(recordings.c.recording_id).where(recordings.c.retired_at.is_not(None))
    with pipeline.database.connect() as connection:
        return set(connection.execute(query).scalars())
