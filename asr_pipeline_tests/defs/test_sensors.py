"""The inbox sensor, evaluated by hand on a real instance, with real files, databases and engines."""

import datetime as dt
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs import sensor_pauses, sensors
from asr_pipeline.defs.backlog import unfinished, waiting
from asr_pipeline.defs.instance import RANGE_END_TAG, RANGE_START_TAG, open_instance
from asr_pipeline.defs.quarantine import quarantine, quarantine_is_empty
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.inbox import only_one
from asr_pipeline.wiring.pipeline import open_pipeline
from asr_pipeline.wiring.storage import Storage, open_storage

pytestmark = [pytest.mark.e2e, pytest.mark.engine]


@dataclass
class House:
    """An installation in a folder of its own, whose sensor is asked by hand."""

    storage: Storage
    instance: dg.DagsterInstance
    cursor: str | None = None

    @property
    def inbox(self) -> Path:
        return self.storage.inbox.folder

    def tick(self) -> dg.SensorResult:
        """Evaluate the sensor once, and go on from its cursor."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = sensors.inbox(context)
        if isinstance(result, dg.SkipReason):
            return dg.SensorResult(skip_reason=result)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def launch(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Do what the daemon does with a request, in this process."""
        job = build_defs().resolve_job_def("process_recordings")
        tags = {**request.tags, "dagster/run_key": request.run_key or ""}
        return job.execute_in_process(
            instance=self.instance, run_config=request.run_config, tags=tags, raise_on_error=False
        ).dagster_run

    def queue(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Put a request into the queue, where it stays."""
        return self.instance.create_run_for_job(
            build_defs().resolve_job_def("process_recordings"),
            run_config=request.run_config,
            tags=request.tags,
        )


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_storage(load_settings()) as storage, open_instance(storage.layout.dagster_home) as instance:
        yield House(storage, instance)


def test_a_dropped_file_becomes_persian_in_the_database(house: House, samples: Path) -> None:
    name = "مصاحبه 1.wav"
    (house.inbox / "calls").mkdir()
    shutil.copy(samples / "phrases-2.wav", house.inbox / "calls" / name)
    (request,) = house.tick().run_requests or []  # nobody can write to it: a tick looks twice
    assert request.tags[RANGE_START_TAG] == request.tags[RANGE_END_TAG]
    assert request.tags["dagster/priority"] == "3"
    house.launch(request)
    (row,) = house.storage.store.rows()
    assert row.state is RecordingState.DONE
    (translated,) = house.storage.store.translations(row.recording.recording_id)
    assert any("مینا" in one.text for one in translated.translations)
    assert (house.storage.layout.archive / "calls" / name).is_file()
    assert not (house.inbox / "calls" / name).exists()
    assert house.tick().skip_reason == dg.SkipReason("The inbox is empty.")


def test_where_others_may_write_unseen_the_next_tick_takes(
    house: House, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asr_pipeline.storage.inbox.OWN_DISKS", frozenset())
    sample_copies(samples, house.inbox, 1)
    assert skipped(house.tick()) == "1 not yet complete, or for the next tick."
    assert len(house.tick().run_requests or []) == 1


def test_many_are_one_range_and_only_what_is_complete_is_taken(house: House, samples: Path) -> None:
    copies = sample_copies(samples, house.inbox, 5)
    with copies[0].open("ab") as written, copies[4].open("rb"):
        written.write(b"more")
        written.flush()
        (request,) = house.tick().run_requests or []
        assert {row.recording.name for row in house.storage.store.rows()} == {
            f"memo-{number}.wav" for number in range(1, 5)
        }
        known = list(house.instance.get_dynamic_partitions("recordings"))
        assert (request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]) == (known[0], known[-1])
        house.queue(request)
        house.tick()  # unchanged since the last look, and still open for writing
        assert "not yet complete" in skipped(house.tick())
        assert copies[0].exists()
    assert "1 taken. 1 recordings wait until run" in skipped(house.tick())


def test_what_a_run_covers_is_not_asked_for_again_and_what_a_dead_tick_left_is(house: House, samples: Path) -> None:
    sample_copies(samples, house.inbox, 3)
    house.tick()
    (lost,) = house.tick().run_requests or []  # this tick dies before its request is launched
    (request,) = house.tick().run_requests or []
    assert request.run_key == lost.run_key
    run = house.queue(request)
    assert unfinished(house.instance) == set(house.instance.get_dynamic_partitions("recordings"))
    assert waiting(house.storage.store, house.instance, 10) == []
    assert skipped(house.tick()) == "The inbox is empty."
    house.instance.report_run_canceled(run)
    assert "ended without having done them (1 in a row)" in skipped(house.tick())


@pytest.mark.fault
def test_after_runs_in_vain_the_pause_grows_and_ends(
    house: House, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (copy,) = sample_copies(samples, house.inbox, 1)
    house.tick()
    (request,) = house.tick().run_requests or []
    keys = [request.run_key]
    for number in (1, 2):
        with monkeypatch.context() as patched:
            patched.setenv("ASR_PIPELINE_VOSK_MODEL", "no-such-model")
            assert house.launch(request).status is dg.DagsterRunStatus.FAILURE
        assert f"({number} in a row)" in skipped(house.tick())
        with monkeypatch.context() as patched:
            patched.setattr(sensor_pauses, "FIRST_PAUSE_S", 0.0)
            (request,) = house.tick().run_requests or []
        keys.append(request.run_key)
    assert len(set(keys)) == 3  # each is launched: a key that was used is not
    assert house.launch(request).is_success
    assert not copy.exists()
    assert skipped(house.tick()) == "The inbox is empty."


def test_corrupt_ones_are_quarantined_and_the_others_done(house: House, samples: Path) -> None:
    sample_copies(samples, house.inbox, 2)
    (house.inbox / "corrupt.wav").write_bytes(b"RIFF this is no audio")
    (house.inbox / "empty.wav").touch()
    house.tick()
    (request,) = house.tick().run_requests or []
    house.launch(request)
    counts = house.storage.store.count_by_state()
    assert (counts[RecordingState.DONE], counts[RecordingState.QUARANTINED]) == (2, 1)
    assert sorted(reason.name for reason in house.storage.quarantined()) == ["corrupt.wav", "empty.wav"]
    assert skipped(house.tick()) == "The inbox is empty."
    result = dg.materialize([quarantine], instance=house.instance, selection=[quarantine])
    (materialization,) = result.asset_materializations_for_node("quarantine")
    assert materialization.metadata["count"].value == 2
    assert "empty.wav" in str(materialization.metadata["table"].value)
    check = quarantine_is_empty()
    assert isinstance(check, dg.AssetCheckResult)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN


def test_names_that_are_no_text_go_all_the_way(house: House, samples: Path) -> None:
    shutil.copy(samples / "phrases-2.wav", house.inbox / os.fsdecode(b"good \xff\n'\"|.wav"))
    (house.inbox / os.fsdecode(b"corrupt \xff\n'\"|.wav")).write_bytes(b"RIFF this is no audio")
    (house.inbox / os.fsdecode(b"empty \xff\n'\"|.wav")).touch()
    house.tick()
    (request,) = house.tick().run_requests or []
    assert house.launch(request).status is dg.DagsterRunStatus.FAILURE
    counts = house.storage.store.count_by_state()
    assert (counts[RecordingState.DONE], counts[RecordingState.QUARANTINED]) == (1, 1)
    assert dg.materialize([quarantine], instance=house.instance).success
    sensors_say = house.tick().skip_reason
    assert sensors_say == dg.SkipReason("The inbox is empty.")


@pytest.mark.fault
def test_a_reason_that_holds_such_a_name_can_be_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.inbox / os.fsdecode(b"a \xff.wav")).write_bytes(b"x")

    def fail(*_: object, **__: object) -> None:
        raise TransientFailure(os.fsdecode(b"a \xff.wav"), expected="a disk", found="none", remedy="Wait.")

    monkeypatch.setattr("asr_pipeline.wiring.storage.store_verified", fail)
    told = skipped(house.tick())
    assert r"a \xff.wav: expected a disk" in told
    told.encode()


def test_only_what_came_through_the_inbox_is_run_by_itself(house: House, samples: Path) -> None:
    with open_pipeline(load_settings()) as pipeline:
        imported = pipeline.register(samples / "phrases-1.wav", Way.IMPORT)
    assert skipped(house.tick()) == "The inbox is empty."
    assert waiting(house.storage.store, house.instance, 10) == [imported.recording_id]


def test_an_inbox_that_is_away_is_told_and_its_files_are_taken_when_it_is_back(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ASR_PIPELINE_INBOX_DIR", str(tmp_path / "mount"))
    with open_storage(load_settings()) as storage, open_instance(storage.layout.dagster_home) as instance:
        house = House(storage, instance)
        assert "mount: expected an inbox that can be looked into" in skipped(house.tick())
        (tmp_path / "mount").mkdir()
        sample_copies(samples, tmp_path / "mount", 1)
        house.tick()
        (tmp_path / "mount").rename(tmp_path / "away")
        assert "No such file" in skipped(house.tick())
        (tmp_path / "away").rename(tmp_path / "mount")
        assert house.tick().run_requests


def asked_for(house: House, name: str, content: bytes) -> dg.RunRequest | str:
    """Drop a file, and give the run that is asked for it, or why none is."""
    (house.inbox / name).write_bytes(content)
    before = len(house.storage.store.rows())
    while True:
        result = house.tick()
        if len(house.storage.store.rows()) > before:
            return result.run_requests[0] if result.run_requests else skipped(result)


def begin(house: House, request: dg.RunRequest | str) -> dg.DagsterRun:
    """Put a run into the queue, and take it out."""
    assert isinstance(request, dg.RunRequest)
    run = house.queue(request)
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, job_name=run.job_name)
    house.instance.run_storage.handle_run_event(run.run_id, started)
    return run


def test_short_ones_do_not_wait_for_long_ones_and_long_ones_have_their_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asr_pipeline.domain.inbox.SMALL_BELOW_BYTES", 1000)
    long = asked_for(house, "long 1.wav", b"1" * 2000)
    assert isinstance(long, dg.RunRequest)
    assert long.tags["asr_pipeline/long"] == "yes"
    at_work = begin(house, long)
    queued_long = asked_for(house, "long 2.wav", b"2" * 2000)
    assert isinstance(queued_long, dg.RunRequest)
    run = house.queue(queued_long)
    short = asked_for(house, "short 1.wav", b"1")
    assert isinstance(short, dg.RunRequest)
    assert (short.tags["dagster/priority"], "asr_pipeline/long" in short.tags) == ("3", False)
    begin(house, short)
    assert f"1 recordings wait until run {run.run_id[:8]}" in str(asked_for(house, "long 3.wav", b"3" * 2000))
    queued_short = asked_for(house, "short 2.wav", b"2")  # the long one's place is taken: nobody waits for it
    assert isinstance(queued_short, dg.RunRequest)
    begin(house, queued_short)
    house.instance.report_run_canceled(at_work)
    assert f"wait until run {run.run_id[:8]}" in str(asked_for(house, "short 3.wav", b"3"))  # its turn
    begin(house, queued_long)
    house.instance.report_run_canceled(run)
    (request,) = house.tick().run_requests or []
    assert request.tags["asr_pipeline/size"] == "small"


def test_many_long_ones_that_waited_long_hide_no_short_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr_pipeline.domain.inbox.SMALL_BELOW_BYTES", 1000)
    monkeypatch.setattr(sensors, "RECORDINGS_PER_RUN", 2)
    monkeypatch.setattr("asr_pipeline.domain.inbox.LONGEST_WAIT_S", -1.0)  # size makes no difference: age alone counts
    for number in range(3):
        (house.inbox / f"long {number}.wav").write_bytes(b"%d" % number * 2000)
    while len(house.storage.store.rows()) < 3:
        house.tick()
    request = asked_for(house, "short.wav", b"x")
    assert isinstance(request, dg.RunRequest)
    assert request.tags["asr_pipeline/size"] == "small"
    (row,) = [row for row in house.storage.store.rows() if row.recording.name == "short.wav"]
    assert request.tags[RANGE_START_TAG] == request.tags[RANGE_END_TAG] == row.recording.recording_id


def test_two_ticks_at_once_are_one(house: House, samples: Path) -> None:
    sample_copies(samples, house.inbox, 1)
    house.tick()
    with only_one(house.storage.inbox.lock_file):
        assert skipped(house.tick()) == "Another process is taking files."
    assert house.tick().run_requests


def test_files_that_are_left_do_not_fill_the_cursor(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_PIPELINE_INBOX_AFTER", "leave")
    monkeypatch.setattr("asr_pipeline.domain.inbox.MOST_REMEMBERED", 3)
    for number in range(7):
        (house.inbox / f"{number}.wav").write_bytes(b"%d" % number)
    for _ in range(4):
        house.tick()
    assert len(house.storage.store.rows()) == 7
    assert len(list(house.inbox.iterdir())) == 7
    assert house.cursor == "{}"


def skipped(result: dg.SensorResult) -> str:
    assert result.skip_reason is not None, result
    return result.skip_reason.skip_message or ""


def sample_copies(samples: Path, folder: Path, count: int) -> list[Path]:
    """Make recordings of different bytes from one sample: trailing bytes after the audio are legal and ignored."""
    copies = []
    for number in range(count):
        copy = folder / f"memo-{number}.wav"
        copy.write_bytes((samples / "phrases-2.wav").read_bytes() + b"note" + b"\x04\0\0\0" + bytes([number] * 4))
        os.utime(copy, ns=(number, number))
        copies.append(copy)
    return copies


def test_an_upload_is_run_where_no_gateway_has_done_so(
    house: House, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_pipeline(load_settings()) as pipeline:
        uploaded = pipeline.register(samples / "phrases-1.wav", Way.UPLOAD).recording_id
    assert not house.tick().run_requests  # it came just now, and is small
    monkeypatch.setattr(sensors, "LANE_GRACE", dt.timedelta(seconds=-1))  # a minute has passed
    (request,) = house.tick().run_requests or []
    assert house.launch(request).is_success
    assert house.storage.store.rows([uploaded])[0].state is RecordingState.DONE
