"""Notes' translations as an asset, with real engines on a real instance; the lane; the sensor for what nobody does."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs import note_sensor, notes, sensor_pauses
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.defs.note_sensor import pending_notes
from asr_pipeline.defs.notes import forget, run_config, run_notes_in_process
from asr_pipeline.defs.own_process import PROCESS_TAG
from asr_pipeline.domain.note import Note, NoteDraft, TranslationStatus
from asr_pipeline.lane import Lane
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.tables import note_translations
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline
from asr_pipeline_tests.defs.test_dead_runs import name_of_a_process_that_ended

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

ENGLISH = "The camera in the garden is broken.\n\n- Our teacher has a fever."
PERSIAN = "دوربین باغ خراب است.\n\n- معلممان تب دارد."


@dataclass
class House:
    """An installation in a folder of its own."""

    pipeline: Pipeline
    instance: dg.DagsterInstance

    def asked(self, text: str = ENGLISH, *languages: str) -> str:
        note_id = self.pipeline.notes.create(NoteDraft("Title", text)).note_id
        for language in languages or ("fa",):
            self.pipeline.notes.ask(note_id, language)
        return note_id

    def job(self) -> dg.JobDefinition:
        return build_defs().resolve_job_def("translate_notes")

    def run(self, *note_ids: str) -> None:
        run_notes_in_process(self.job(), self.instance, note_ids)

    def shown(self, note_id: str) -> dict[str, tuple[str, str | None]]:
        note: Note = self.pipeline.notes.get(note_id)
        return {one.language: (one.status.value, one.text) for one in note.translations}

    def materializations(self, note_id: str) -> list[dg.AssetMaterialization]:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey("note_translations"), asset_partitions=[note_id])
        records = self.instance.fetch_materializations(wanted, limit=100).records
        return [record.asset_materialization for record in records if record.asset_materialization]

    def tick(self) -> dg.RunRequest | str:
        """Evaluate the sensor by hand; gives what it asks for, or why it asks for nothing."""
        result = pending_notes(dg.build_sensor_context(instance=self.instance))
        if isinstance(result, dg.SkipReason):
            return str(result.skip_message)
        assert isinstance(result, dg.RunRequest)
        return result

    def launch(self, request: dg.RunRequest | str) -> dg.DagsterRun:
        """Do what the daemon does with a request, in this process."""
        assert isinstance(request, dg.RunRequest), request
        return (
            self.job()
            .execute_in_process(
                instance=self.instance, run_config=request.run_config, tags=request.tags, raise_on_error=False
            )
            .dagster_run
        )


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    with open_pipeline(load_settings()) as pipeline, open_instance(pipeline.layout.dagster_home) as instance:
        yield House(pipeline, instance)


@pytest.fixture
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for what was asked for just now, as if the gateway had had its time."""
    monkeypatch.setattr(note_sensor, "LEFT_TO_THE_GATEWAY", -note_sensor.LEFT_TO_THE_GATEWAY)


def test_one_run_translates_many_notes_and_tells_each(house: House) -> None:
    ids = [house.asked(), house.asked("Has she done the shopping yet?"), house.asked()]
    house.run(*ids)
    assert house.shown(ids[0]) == {"fa": ("done", PERSIAN)}
    (run,) = house.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    for note_id in ids:
        (told,) = house.materializations(note_id)
        metadata = {name: value.value for name, value in told.metadata.items()}
        assert metadata["language"] == "fa"
        assert metadata["title"] == "Title"
        assert "\u2067" in str(metadata["preview"])
        assert "| --- | ---: |" in str(metadata["preview"])
        assert "translate-en_fa-starter" in str(metadata["model"])
        assert (told.tags or {})["dagster/data_version"]
    assert set(house.instance.get_dynamic_partitions("notes")) == set(ids)


def test_scattered_notes_go_into_one_run_and_the_memory_spares_repeats(house: House) -> None:
    ids = [house.asked() for _ in range(3)]
    house.run(*ids)
    house.pipeline.notes.edit(ids[0], {"original_text": f"{ENGLISH}\nIt is cold."})
    house.pipeline.notes.edit(ids[2], {"original_text": "The camera in the garden is broken."})
    for note_id in (ids[0], ids[2]):
        house.pipeline.notes.ask(note_id, "fa")
    house.run(ids[0], ids[2])
    assert house.instance.get_runs_count() == 2
    assert [len(house.materializations(note_id)) for note_id in ids] == [2, 1, 2]
    assert house.shown(ids[2]) == {"fa": ("done", "دوربین باغ خراب است.")}


def test_materializing_a_note_by_hand_makes_it_anew_and_a_run_over_what_is_done_does_nothing(house: House) -> None:
    note_id = house.asked()
    house.run(note_id)
    house.run(note_id)
    assert len(house.materializations(note_id)) == 1
    by_hand = house.job().execute_in_process(instance=house.instance, partition_key=note_id)
    assert by_hand.success
    assert len(house.materializations(note_id)) == 2
    assert house.shown(note_id) == {"fa": ("done", PERSIAN)}


@pytest.mark.fault
def test_a_note_that_can_not_be_translated_is_named_and_the_others_are_done(house: House) -> None:
    good, bad = house.asked(), house.asked("Guten Tag.", "xx")
    house.run(good, bad)
    assert house.shown(good) == {"fa": ("done", PERSIAN)}
    (shown,) = house.pipeline.notes.get(bad).translations
    assert shown.status is TranslationStatus.FAILED
    assert "translation from en to xx" in str(shown.reason)
    (run,) = house.instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert (len(house.materializations(good)), len(house.materializations(bad))) == (1, 0)


def test_the_lane_translates_at_once_in_this_process(house: House) -> None:
    house.pipeline.preload()
    lane = Lane(house.pipeline, house.instance)
    ids = [house.asked() for _ in range(5)]
    for note_id in ids:
        lane.submit_note(note_id)
        lane.submit_note(note_id)
    for _ in range(1200):
        if all(house.shown(note_id)["fa"][0] == "done" for note_id in ids):
            break
        time.sleep(0.05)
    lane.close()
    assert [len(house.materializations(note_id)) for note_id in ids] == [1] * 5
    assert house.pipeline.note_work.pending(ids) == []


@pytest.mark.usefixtures("_no_grace")
def test_the_sensor_asks_for_what_is_left_and_for_nothing_twice(house: House) -> None:
    assert house.tick() == "No note waits."
    note_id = house.asked()
    request = house.tick()
    run = house.instance.create_run_for_job(
        house.job(),
        run_config=request.run_config,  # type: ignore[union-attr]
        tags=request.tags,  # type: ignore[union-attr]
    )
    assert f"1 notes wait until run {run.run_id[:8]} has ended" in str(house.tick())
    house.instance.delete_run(run.run_id)
    assert house.launch(request).is_success
    assert house.shown(note_id) == {"fa": ("done", PERSIAN)}
    assert house.tick() == "No note waits."
    assert len(house.materializations(note_id)) == 1


def test_the_sensor_leaves_to_the_gateway_what_was_just_asked_for(house: House) -> None:
    house.asked()
    assert house.tick() == "No note waits."


@pytest.mark.fault
@pytest.mark.usefixtures("_no_grace")
def test_what_a_dead_gateway_had_in_work_is_done_by_the_daemons_run(house: House) -> None:
    in_work, waiting = house.asked(), house.asked("Has she done the shopping yet?")
    run = house.instance.create_run_for_job(house.job(), tags={PROCESS_TAG: "elsewhere/1/1"})
    house.pipeline.note_work.claim([in_work], run.run_id)
    assert isinstance(house.tick(), dg.RunRequest)
    assert house.shown(in_work)["fa"][0] == "running"  # of a process of another host nothing is known: it may live
    house.instance.add_run_tags(run.run_id, {PROCESS_TAG: name_of_a_process_that_ended()})
    request = house.tick()
    assert house.shown(in_work)["fa"][0] == "pending"
    assert house.launch(request).is_success
    assert {house.shown(one)["fa"][0] for one in (in_work, waiting)} == {"done"}


@pytest.mark.fault
@pytest.mark.usefixtures("_no_grace")
def test_work_of_another_machine_is_left_to_it_for_long(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    note_id = house.asked()
    house.pipeline.note_work.claim([note_id], "run of an instance elsewhere")
    assert house.tick() == "No note waits."
    assert house.shown(note_id)["fa"][0] == "running"
    monkeypatch.setattr(notes, "LONGEST_FOREIGN_RUN", -notes.LONGEST_FOREIGN_RUN)
    assert house.launch(house.tick()).is_success
    assert house.shown(note_id)["fa"][0] == "done"


@pytest.mark.fault
@pytest.mark.usefixtures("_no_grace")
def test_after_runs_in_vain_the_sensor_pauses(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    note_id = house.asked()
    request = house.tick()
    with monkeypatch.context() as patched:
        patched.setenv("ASR_PIPELINE_VOSK_MODEL", "no-such-model")
        assert house.launch(request).status is dg.DagsterRunStatus.FAILURE
    assert "1 notes wait: run" in str(house.tick())
    monkeypatch.setattr(sensor_pauses, "FIRST_PAUSE_S", 0.0)
    again = house.tick()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != request.run_key  # type: ignore[union-attr]
    assert house.launch(again).is_success
    assert house.shown(note_id)["fa"][0] == "done"


@pytest.mark.fault
def test_a_run_that_is_tried_again_takes_over_what_its_dead_parent_had(house: House) -> None:
    note_id = house.asked()
    parent = house.instance.create_run_for_job(house.job(), tags={PROCESS_TAG: name_of_a_process_that_ended()})
    house.pipeline.note_work.claim([note_id], parent.run_id)
    house.instance.report_run_failed(parent, "The process that executed this run has ended.")
    house.run(note_id)
    assert house.shown(note_id) == {"fa": ("done", PERSIAN)}


def test_a_note_that_is_deleted_before_its_run_stops_no_other(house: House) -> None:
    deleted, other = house.asked(), house.asked()
    config = run_config([deleted, other], house.instance)
    house.pipeline.notes.delete(deleted)
    forget(house.instance, deleted)
    assert house.job().execute_in_process(instance=house.instance, run_config={"ops": config}).success
    assert house.shown(other) == {"fa": ("done", PERSIAN)}


def test_a_preview_shows_markup_as_it_was_typed(house: House) -> None:
    note_id = house.asked("See ![x](http://example.org/x.png) and <b>bold</b> | `code` \u202e turned.")
    house.run(note_id)
    (told,) = house.materializations(note_id)
    preview = str(told.metadata["preview"].value)
    assert r"See \!\[x\](http://example.org/x.png) and \<b\>bold\</b\> \| \`code\` turned." in preview
    assert "\u202e" not in preview


def test_a_deleted_note_leaves_no_partition(house: House) -> None:
    note_id = house.asked()
    house.run(note_id)
    house.pipeline.notes.delete(note_id)
    forget(house.instance, note_id)
    assert house.instance.get_dynamic_partitions("notes") == []
    forget(house.instance, note_id)  # one that never had a partition


def test_the_asset_says_what_people_ask() -> None:
    (spec,) = build_defs().resolve_assets_def("note_translations").specs
    assert isinstance(spec.partitions_def, dg.DynamicPartitionsDefinition)
    assert (spec.partitions_def.name, spec.group_name) == ("notes", "notes")
    columns = {column.name for column in spec.metadata["dagster/column_schema"].columns}
    assert columns <= set(note_translations.c.keys())
    sensor = build_defs().resolve_sensor_def("pending_notes")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
