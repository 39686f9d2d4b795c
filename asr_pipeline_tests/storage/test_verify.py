"""Nothing is lost without being missed, on SQLite and PostgreSQL; and nothing is missed that is not lost."""

import datetime as dt
import os
import time
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.arrival import Outcome
from asr_pipeline.domain.errors import EngineFailed, UnreadableAudio
from asr_pipeline.domain.ledger import REPAIRABLE, FindingKind
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.tables import metadata
from asr_pipeline.storage.verify_leftovers import remove_stale
from asr_pipeline_tests.conftest import REPOSITORY
from asr_pipeline_tests.storage.house import House, told
from asr_pipeline_tests.storage.samples import RUN

pytestmark = pytest.mark.database
NOT_AUDIO = UnreadableAudio("a.wav", expected="audio", found="text", remedy="Record it again.")
AWAY = EngineFailed("a.wav", expected="a result", found="none", remedy="Try again.")
DROP = "UPDATE recordings SET state = 'dropped' WHERE recording_id = :one"


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, Layout(tmp_path / "data"))


def run_sql(house: House, statement: str, **values: str) -> None:
    with writing(house.engine) as connection:
        connection.execute(sa.text(statement), values)


def test_every_file_is_counted_where_it_stands(house: House, tmp_path: Path) -> None:
    done = house.finish("done.wav")
    house.register("done.wav", path="/elsewhere/the same bytes.wav")
    house.commit(house.register("at work.wav"), Stage.RAW_AUDIO)
    house.store.save_failure(house.register("away.wav"), Stage.RAW_AUDIO, AWAY, RUN)
    house.store.save_failure(house.register("text.wav"), Stage.RAW_AUDIO, NOT_AUDIO, RUN)
    (tmp_path / "refused.wav").write_bytes(b"no")
    house.refuse(tmp_path / "refused.wav")
    house.refuse(tmp_path / "dropped.wav", Outcome.DROPPED)
    verification = house.verify(deep=True, young_s=-1)
    assert list(verification.findings) == []
    assert verification.equation.holds
    assert str(verification.equation) == (
        "7 files entered = 2 done + 1 in progress + 1 failed + 2 quarantined + 1 dropped"
    )
    assert verification.equation.recordings == 4
    run_sql(house, DROP, one=done)
    assert house.verify().equation.dropped == 3


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("DELETE FROM recordings WHERE number = 2", "recording_lost"),
        ("DELETE FROM arrivals WHERE number = 2", "recording_without_arrival"),
        ("DELETE FROM words WHERE recording_number = 2 AND utterance_index = 1 AND word_index = 1", "transcript"),
        ("DELETE FROM words WHERE recording_number = 2 AND utterance_index = 1 AND word_index = 0", "transcript"),
        ("DELETE FROM utterances WHERE recording_number = 2 AND utterance_index = 2", "transcript"),
        ("DELETE FROM transcripts WHERE recording_number = 2", "transcript_incomplete"),
        ("DELETE FROM translations WHERE recording_number = 2 AND utterance_index = 1", "translation_incomplete"),
        ("DELETE FROM translation_sets WHERE recording_number = 2", "translation_incomplete"),
        ("DELETE FROM segments WHERE recording_number = 2 AND segment_index = 1", "segments_incomplete"),
        ("DELETE FROM segments WHERE recording_number = 2", "segments_incomplete"),
        ("DELETE FROM audio WHERE recording_number = 2", "audio_row_missing"),
        ("DELETE FROM subtitles WHERE recording_number = 2", "subtitle_rows_missing"),
        ("DELETE FROM stage_commits WHERE recording_number = 2 AND stage = 'segments'", "state_wrong"),
        ("UPDATE recordings SET state = 'in_progress' WHERE number = 2", "state_wrong"),
    ],
)
def test_a_lost_row_is_missed(house: House, statement: str, kind: str) -> None:
    house.finish("first.wav")
    second = house.finish("second.wav")
    house.finish("third.wav")
    assert house.found() == []
    run_sql(house, statement)
    findings = house.found()
    assert {finding.subject for finding in findings} == {second}
    assert any(finding.kind.value.startswith(kind) for finding in findings), findings
    assert all(finding.found and finding.remedy for finding in findings)
    assert house.verify().equation.holds == (kind != "recording_lost")


def test_a_lost_file_is_missed(house: House) -> None:
    one, two = house.finish("one.wav"), house.finish("two.wav")
    layout = house.layout
    layout.source_of(house.store.recording(one)).unlink()
    layout.audio_of(one).unlink()
    layout.absolute(house.store.subtitles(one)[0].path).unlink()
    with layout.source_of(house.store.recording(two)).open("ab") as file:
        file.write(b"more")
    assert told(house.found()) == {
        ("original_missing", one),
        ("audio_missing", one),
        ("subtitle_missing", one),
        ("original_altered", two),
    }


def test_an_altered_byte_is_seen_by_a_deep_look(house: House) -> None:
    one = house.finish("one.wav")
    house.finish("two.wav")
    original = house.layout.source_of(house.store.recording(one))
    original.write_bytes(original.read_bytes().replace(b"bytes", b"bytez"))
    assert house.found() == []
    assert told(house.found(deep=True)) == {("original_altered", one)}


def test_an_original_elsewhere_is_looked_at_where_it_lies(house: House, tmp_path: Path) -> None:
    one = house.finish("one.wav")
    original = house.layout.source_of(house.store.recording(one))
    outside = tmp_path / "my archive" / "one.wav"
    outside.parent.mkdir()
    original.rename(outside)
    run_sql(house, "UPDATE recordings SET source = :source", source=str(outside))
    assert house.found(deep=True) == []
    outside.unlink()
    assert told(house.found()) == {("original_missing", one)}


def test_what_was_removed_to_keep_to_a_setting_is_not_missed(house: House) -> None:
    one = house.finish("one.wav")
    house.layout.source_of(house.store.recording(one)).unlink()
    moment = dt.datetime.now(dt.UTC)
    with writing(house.engine) as connection:
        connection.execute(sa.update(metadata.tables["recordings"]).values(original_removed_at=moment))
    assert house.found(deep=True) == []


def test_files_that_no_row_names_are_named_once_they_are_no_longer_young(house: House) -> None:
    one = house.finish("one.wav")
    layout = house.layout
    for path in (layout.originals / "stray.wav", layout.audio / "zz" / "stray.flac", layout.results_of(one) / "x.srt"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"whose?")
    assert house.found() == []
    names = {name for kind, name in told(house.found(young_s=-1)) if kind == "orphan_file"}
    assert names == {"originals/stray.wav", "audio/zz/stray.flac", layout.relative(layout.results_of(one) / "x.srt")}


@pytest.mark.parametrize("hours", [-2, 2], ids=["long ago", "before the clock was set back"])
def test_what_a_killed_writer_left_is_named_and_removed(house: House, hours: int) -> None:
    house.finish("one.wav")
    partial = house.layout.originals / ".partial-0123"
    partial.write_bytes(b"half")
    assert house.found() == []
    written_s = time.time() + hours * 3600
    os.utime(partial, (written_s, written_s))
    (finding,) = house.found()
    assert (finding.kind, finding.subject) == (FindingKind.STALE_PARTIAL_FILE, "originals/.partial-0123")
    remove_stale(house.layout, finding)
    assert house.found() == []


def test_a_refused_file_lies_in_quarantine_or_where_it_was(house: House, tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9 [x].wav"
    house.refuse(path)
    assert told(house.found()) == {("refused_file_missing", str(path).replace("\udce9", "\\xe9"))}
    path.write_bytes(b"no")
    assert house.found() == []
    path.rename(house.layout.quarantine / path.name)
    assert len(house.found()) == 1
    reason = house.layout.quarantine / f"{path.name}.reason.json"
    reason.write_text('{"path": "%s\\udce9 [x].wav"}' % (tmp_path / "caf"))
    assert house.found() == []


def test_translations_of_an_older_transcript_are_due_anew_and_no_loss(house: House) -> None:
    one = house.finish("one.wav", utterances=3)
    house.commit(one, Stage.TRANSCRIPTS, utterances=5)
    assert house.found() == []
    house.commit(one, Stage.TRANSLATIONS, utterances=4)
    assert told(house.found()) == {("translation_incomplete", one)}


OPERATIONS = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(["next", "next", "next", "again", "break", "reject", "drop", "offer"])
    ),
    max_size=25,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(operations=OPERATIONS)
def test_whatever_happens_in_order_leaves_nothing_to_find(house: House, operations: list[tuple[int, str]]) -> None:
    files = house.verify().equation.files
    offered: set[str] = set()
    spoken: dict[str, int] = {}
    round_number = uuid.uuid4()
    for place, operation in operations:
        name = f"{round_number}-{place}.wav"
        path = f"/talks/{name}" if operation != "offer" else f"/again/{name}"
        offered.add(path)
        one = house.register(name, path=path)
        done = house.store.stages_done([one])[one]
        later = [stage for stage in Stage if stage not in done]
        if operation == "next" and later:
            house.commit(one, later[0], utterances=spoken.setdefault(one, 3))
        elif operation == "again" and done:
            spoken[one] = 5 - spoken[one]
            for stage in Stage:
                if stage in done:
                    house.commit(one, stage, utterances=spoken[one])
        elif operation in {"break", "reject"}:
            stage = later[0] if later else Stage.SUBTITLES
            house.store.save_failure(one, stage, AWAY if operation == "break" else NOT_AUDIO, RUN)
        elif operation == "drop":
            run_sql(house, DROP, one=one)
    verification = house.verify(young_s=-1)
    assert list(verification.findings) == []
    assert verification.equation.holds
    assert verification.equation.files == files + len(offered)


def test_each_kind_stands_in_the_docs() -> None:
    document = (REPOSITORY / "docs" / "verify.md").read_text()
    for kind in FindingKind:
        mark = " *" if kind in REPAIRABLE else ""
        assert f"| `{kind}`{mark} |" in document, kind
