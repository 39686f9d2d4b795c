"""The glossary in SQL, on SQLite and PostgreSQL, and what becomes stale by it."""

import datetime as dt
from dataclasses import replace

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.glossary import Glossary, GlossaryEntry, glossary_entry
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import Translation, TranslationSet
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.glossary import SqlGlossary, recordings_with_changed_glossary
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.tables import glossary
from asr_pipeline_tests.storage.samples import RUN, recording, results, save

pytestmark = pytest.mark.database
CAMERA = GlossaryEntry("camera", "دوربین")


def translated(
    database: sa.Engine, name: str, *spoken: str, terms: Glossary | None = None, language: str = "fa"
) -> str:
    """Keep a recording with these utterances, translated with these terms; give its id."""
    store = SqlRecordStore(database)
    one = recording(name)
    store.register([one])
    utterances = tuple(
        Utterance(index, 0, tuple(Word(word, index, index + 0.5, 1.0) for word in text.split()))
        for index, text in enumerate(spoken)
    )
    save(
        store,
        Stage.TRANSCRIPTS,
        one.recording_id,
        replace(results(one.recording_id), transcript=Transcript(one.recording_id, "v", "m", "1", 8000, utterances)),
    )
    made = TranslationSet(
        one.recording_id,
        language,
        "a",
        "m",
        "1",
        tuple(Translation(u.index, language, "متن") for u in utterances),
        (terms or Glossary()).fingerprint(u.sentence for u in utterances),
    )
    store.save_translations([made], RUN)
    return one.recording_id


def test_terms_are_put_changed_listed_and_removed(database: sa.Engine) -> None:
    store = SqlGlossary(database)
    store.put([], "en", "fa")
    store.put(
        [CAMERA, GlossaryEntry("c\\++'\"%", "سی"), GlossaryEntry("bus", "old"), GlossaryEntry("bus", "اتوبوس")],
        "en",
        "fa",
    )
    store.put([GlossaryEntry("camera", "Kamera")], "en", "de")
    expected = [GlossaryEntry("bus", "اتوبوس"), GlossaryEntry("c\\++'\"%", "سی"), CAMERA]
    assert store.entries("en", "fa") == expected
    assert store.glossary("en", "fa").entries == tuple(expected)
    assert store.glossary("en", "de").language == "de"
    store.put([GlossaryEntry("camera", "کمرا")], "en", "fa")
    assert GlossaryEntry("camera", "کمرا") in store.entries("en", "fa")
    assert store.remove(["camera", "none"], "en", "fa") == 1
    assert store.remove(["camera"], "en", "fa") == 0
    assert store.entries("en", "de") == [GlossaryEntry("camera", "Kamera")]


def test_putting_the_same_again_is_no_change(database: sa.Engine) -> None:
    store = SqlGlossary(database)

    def changed_at() -> dt.datetime:
        with reading(database) as connection:
            found: dt.datetime = connection.execute(sa.select(glossary.c.changed_at)).scalar_one()
            return found

    store.put([CAMERA], "en", "fa")
    first = changed_at()
    store.put([CAMERA], "en", "fa")
    assert changed_at() == first
    store.put([GlossaryEntry("camera", "کمرا")], "en", "fa")
    assert changed_at() >= first


def test_many_terms_at_once(database: sa.Engine) -> None:
    entries = [glossary_entry(f"term {number}", f"واژه {number}", "fa") for number in range(3_000)]
    store = SqlGlossary(database)
    store.put(entries, "en", "fa")
    assert len(store.entries("en", "fa")) == 3_000
    assert store.remove([entry.term for entry in entries], "en", "fa") == 3_000


def test_only_recordings_in_which_a_changed_term_is_said_are_stale(database: sa.Engine) -> None:
    store = SqlGlossary(database)
    camera = translated(database, "camera.wav", "the camera is broken", "hello")
    both = translated(database, "both.wav", "hello", "the bus and the cameras")
    neither = translated(database, "neither.wav", "hello there")
    silent = translated(database, "silent.wav")
    other = translated(database, "other.wav", "the camera", language="de")
    SqlRecordStore(database).register([recording("untouched.wav")])

    def stale() -> set[str]:
        return recordings_with_changed_glossary(database, "en", "fa")

    assert stale() == set()
    store.put([CAMERA], "en", "fa")
    assert stale() == {camera, both}
    assert recordings_with_changed_glossary(database, "en", "de") == set()

    # made anew with it: no longer stale
    translated(database, "camera.wav", "the camera is broken", "hello", terms=Glossary([CAMERA]))
    assert stale() == {both}
    store.put([GlossaryEntry("bus", "اتوبوس")], "en", "fa")
    assert stale() == {both}
    store.put([GlossaryEntry("camera", "کمرا")], "en", "fa")
    assert stale() == {camera, both}
    store.remove(["camera", "bus"], "en", "fa")
    assert stale() == {camera}
    assert not {neither, silent, other} & stale()


def test_more_rows_than_are_read_at_a_time(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr_pipeline.storage.glossary.ROWS_AT_A_TIME", 2)
    ids = {translated(database, f"{number}.wav", *(["hello"] * 5), "a camera") for number in range(5)}
    SqlGlossary(database).put([CAMERA], "en", "fa")
    assert recordings_with_changed_glossary(database, "en", "fa") == ids
