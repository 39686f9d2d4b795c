"""Tables for pandas and spreadsheets, on SQLite and PostgreSQL."""

import datetime as dt
import io
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from asr_pipeline.domain.access import Scope
from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.errors import SettingInvalid, UnreadableAudio
from asr_pipeline.domain.note import NoteDraft
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.tally import Tally
from asr_pipeline.ports import EngineVersion
from asr_pipeline.storage import export
from asr_pipeline.storage.api_keys import SqlApiKeys
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.audit import AuditEntry, SqlAuditLog
from asr_pipeline.storage.corrections import CorrectedText, correct
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.export import export_table
from asr_pipeline.storage.idempotency import Answer, SqlIdempotency
from asr_pipeline.storage.memory import SqlTranslationMemory
from asr_pipeline.storage.notes import SqlNotes
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.references import SqlReferences
from asr_pipeline.storage.tables import glossary, metadata, span_results
from asr_pipeline.storage.tallies import SqlTallies
from asr_pipeline.storage.verifications import note_verification
from asr_pipeline.storage.webhooks import SqlWebhooks
from asr_pipeline_tests.storage.samples import RUN, recording, results, save

pytestmark = pytest.mark.database
ODD_NAME = "=cmd(\"x\"),\n'caf\udce9' سلام.wav"


@pytest.fixture
def filled(database: sa.Engine) -> sa.Engine:
    """Give a database with rows in every table: one recording done, one with an odd name quarantined."""
    store = SqlRecordStore(database)
    good, odd = recording("good.wav"), recording(ODD_NAME)
    store.register([good, odd])
    for stage in Stage:
        save(store, stage, good.recording_id, results(good.recording_id))
    error = UnreadableAudio(odd.name, expected="audio", found="noise", remedy="Record it again.")
    store.save_failure(odd.recording_id, Stage.RAW_AUDIO, error, RUN)
    arrival = Arrival("/inbox/good.wav", 1, 2, Way.INBOX, Outcome.ACCEPTED, good.recording_id)
    SqlArrivals(database).note([arrival])
    with writing(database) as connection:
        connection.execute(
            sa.insert(glossary).values(
                source_language="en",
                target_language="fa",
                term="mina",
                translation="مینا",
                changed_at=dt.datetime.now(dt.UTC),
            )
        )
        connection.execute(
            sa.insert(span_results).values(recording_number=1, span_index=0, made_with="x", utterances="[]")
        )
    SqlReferences(database).put(good.recording_id, "what was said")
    notes = SqlNotes(database)
    notes.ask(notes.create(NoteDraft("a title", "Hello.", "en")).note_id, "fa")
    old = results(good.recording_id).transcript.utterances[0].text
    assert correct(database, good.recording_id, CorrectedText("en", 0, old, "another text", "me"))
    now = dt.datetime.now(dt.UTC)
    SqlApiKeys(database).create(ODD_NAME, Scope.READ)
    SqlAuditLog(database, 1).note(AuditEntry(now, "local", "POST /upload/", ODD_NAME, None, None, "202"))
    SqlWebhooks(database).note_changes(["https://a.example/"], now - dt.timedelta(hours=1), now)
    SqlIdempotency(database).keep("me", "key", Answer("a" * 64, 202, "{}"))
    SqlTranslationMemory(database).remember({"Hello.": "سلام."}, "en", "fa", EngineVersion("argos", "en_fa", "1.5"))
    SqlTallies(database, keep_every_s=0).add(Tally.WORDS, 7)
    note_verification(database, deep=False, files=1, findings=0)
    return database


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_every_table_is_exported(filled: sa.Engine, tmp_path: Path, file_format: str) -> None:
    for table in metadata.sorted_tables:
        path = tmp_path / f"{table.name}.{file_format}"
        rows = export_table(filled, table.name, path, file_format)
        frame = pd.read_parquet(path) if file_format == "parquet" else pd.read_csv(path)
        assert rows == len(frame) > 0
        expected = ["recording_id" if column.name == "recording_number" else column.name for column in table.c]
        assert list(frame.columns) == expected


def test_parquet_has_types(filled: sa.Engine, tmp_path: Path) -> None:
    export_table(filled, "recordings", tmp_path / "r.parquet", "parquet")
    schema = pq.read_schema(tmp_path / "r.parquet")
    types = {name: str(schema.field(name).type) for name in ("recording_id", "size_bytes", "registered_at", "reason")}
    assert types == {
        "recording_id": "string",
        "size_bytes": "int64",
        "registered_at": "timestamp[us, tz=UTC]",
        "reason": "string",
    }
    registered = pd.read_parquet(tmp_path / "r.parquet")["registered_at"][0]
    assert abs(dt.datetime.now(dt.UTC) - registered) < dt.timedelta(minutes=10)
    export_table(filled, "words", tmp_path / "w.parquet", "parquet")
    words = pd.read_parquet(tmp_path / "w.parquet")
    assert words["start_s"].dtype == "float64"
    assert list(words["start_s"][:3]) == [0.0, 0.3, 0.6]


@pytest.mark.parametrize("rows_at_a_time", [1, 7, 20_000])
def test_parts_make_one_file(
    filled: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_a_time: int
) -> None:
    monkeypatch.setattr(export, "ROWS_AT_A_TIME", rows_at_a_time)
    for file_format in ("parquet", "csv"):
        for table, count in (("words", 150), ("recordings", 2)):
            assert export_table(filled, table, tmp_path / f"{table}.{file_format}", file_format) == count
    words = pd.read_csv(tmp_path / "words.csv")
    assert len(words) == 150
    assert list(words["word_index"][:10]) == list(range(10))
    parquet = pd.read_parquet(tmp_path / "recordings.parquet")
    assert list(parquet["state"]) == ["done", "quarantined"]
    assert parquet["reason"].isna().tolist() == [True, False]


def test_csv_reads_back_as_it_was(filled: sa.Engine, tmp_path: Path) -> None:
    export_table(filled, "recordings", tmp_path / "r.csv", "csv")
    frame = pd.read_csv(io.StringIO((tmp_path / "r.csv").read_bytes().decode("utf-8")), lineterminator="\n")
    assert frame["name"][1] == ODD_NAME.replace("\udce9", r"\xe9")
    assert dt.datetime.fromisoformat(frame["registered_at"][0]).tzinfo == dt.UTC


def test_an_empty_table_has_a_header(database: sa.Engine, tmp_path: Path) -> None:
    for file_format in ("parquet", "csv"):
        assert export_table(database, "words", tmp_path / f"w.{file_format}", file_format) == 0
    assert list(pd.read_parquet(tmp_path / "w.parquet").columns) == list(pd.read_csv(tmp_path / "w.csv").columns)


def test_what_is_not_there_is_refused(database: sa.Engine, tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match=r"recordings.*found alembic_version"):
        export_table(database, "alembic_version", tmp_path / "a.csv", "csv")
    with pytest.raises(SettingInvalid, match="csv, parquet, found xlsx"):
        export_table(database, "words", tmp_path / "a.xlsx", "xlsx")
    assert list(tmp_path.glob("a.*")) == []
