"""Erasing a recording, on both databases: its rows and files go, its place in the ledger stays."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.erasing import erase_files, erase_rows
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.memory import SqlTranslationMemory
from asr_pipeline.storage.references import SqlReferences
from asr_pipeline.storage.tables import metadata
from asr_pipeline_tests.storage.house import House

pytestmark = pytest.mark.database
KEPT_TABLES = {"recordings", "arrivals", "stage_commits"}


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, Layout(tmp_path / "data"))


def counts(house: House) -> dict[str, int]:
    with reading(house.engine) as connection:
        return {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in metadata.tables.items()
        }


def test_rows_go_and_the_ledger_stays(house: House) -> None:
    kept = house.finish("kept.wav")
    before = counts(house)
    erased = house.finish("erased.wav")
    transcript = house.store.transcript(erased)
    assert transcript is not None
    SqlReferences(house.engine).put(erased, "what was said")
    memory = SqlTranslationMemory(house.engine)
    version = EngineVersion("any", "model", "and version")
    memory.remember({transcript.utterances[0].sentence: "x", "Another's.": "y"}, "en", "fa", version)
    erase_rows(house.engine, erased)
    after = counts(house)
    assert {name for name, count in after.items() if count != before[name]} == KEPT_TABLES | {"translation_memory"}
    assert memory.recall([transcript.utterances[0].sentence, "Another's."], "en", "fa", version) == {"Another's.": "y"}
    states = {row.recording.recording_id: row.state for row in house.store.rows()}
    assert states == {kept: RecordingState.DONE, erased: RecordingState.DROPPED}
    assert house.store.stages_done([erased])[erased] == frozenset()


def test_files_go_and_nothing_is_found_wrong(house: House) -> None:
    kept, erased = house.finish("kept.wav"), house.finish("erased.wav")
    recording = house.store.recording(erased)
    erase_rows(house.engine, erased)
    erase_files(house.layout, recording)
    erase_files(house.layout, recording)  # after a crash, once more
    left = {path.name for path in house.layout.data_dir.rglob("*") if path.is_file()}
    assert not [name for name in left if recording.sha256[:12] in name]
    assert house.layout.audio_of(kept).is_file()
    assert house.found(young_s=0) == []


def test_an_original_in_place_stays(house: House, tmp_path: Path) -> None:
    recording = house.store.recording(house.finish("a.wav"))
    outside = tmp_path / "mine.wav"
    outside.write_bytes(b"mine")
    erase_files(house.layout, replace(recording, source=str(outside)))
    assert outside.read_bytes() == b"mine"


def test_an_unknown_recording_is_an_error(house: House) -> None:
    with pytest.raises(KeyError):
        erase_rows(house.engine, "nobody")
