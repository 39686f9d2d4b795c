"""Corrections on both databases: kept as revisions, found by search, brought over to new transcripts."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.translation import TranslationSet
from asr_pipeline.storage.backup import back_up
from asr_pipeline.storage.corrections import CorrectedText, correct, revisions
from asr_pipeline.storage.database import open_database, reading
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.restore import restore
from asr_pipeline.storage.search import search
from asr_pipeline.storage.tables import translations, utterances
from asr_pipeline_tests.storage.house import House
from asr_pipeline_tests.storage.samples import RUN, TEXTS

pytestmark = pytest.mark.database


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, Layout(tmp_path / "data"))


@pytest.fixture
def one(house: House) -> str:
    """Give a recording that is done."""
    return house.finish("one.wav")


def spoken(house: House, recording_id: str, index: int = 1) -> str:
    transcript = house.store.transcript(recording_id)
    assert transcript is not None
    return transcript.utterances[index].text


def translated(house: House, recording_id: str, index: int = 1) -> str:
    [found] = house.store.translations(recording_id)
    return found.translations[index].text


def put(house: House, recording_id: str, text: str, language: str = "en", **more: dict[str, str]) -> bool:
    old = spoken(house, recording_id) if language == "en" else translated(house, recording_id)
    return correct(house.engine, recording_id, CorrectedText(language, 1, old, text, "mina", **more))


def test_the_new_text_is_given_and_the_old_one_kept(house: House, one: str) -> None:
    recognised, given = spoken(house, one), translated(house, one)
    assert put(house, one, "a new sentence", translations={"fa": "جملهٔ تازه"}, glossaries={"fa": "abc"})
    assert put(house, one, "a newer sentence")
    assert (spoken(house, one), translated(house, one)) == ("a newer sentence", "جملهٔ تازه")
    assert house.store.translations(one)[0].glossary == "abc"
    told = revisions(house.engine, one, "en", 1)
    assert [(each.old_text, each.new_text, each.corrected_by, each.applied) for each in told] == [
        (recognised, "a new sentence", "mina", False),
        ("a new sentence", "a newer sentence", "mina", True),
    ]
    assert [each.new_text for each in house.store.corrections(one)] == ["a newer sentence"]
    with reading(house.engine) as connection:
        row = utterances.c.utterance_index == 1
        assert connection.execute(sa.select(utterances.c.text).where(row)).scalar() == recognised
        row = translations.c.utterance_index == 1
        assert connection.execute(sa.select(translations.c.text).where(row)).scalar() == "جملهٔ تازه" != given
    assert house.found() == []


def test_a_text_that_has_changed_is_not_written_over(house: House, one: str) -> None:
    old = spoken(house, one)
    assert put(house, one, "first")
    assert not correct(house.engine, one, CorrectedText("en", 1, old, "second", ""))
    assert not correct(house.engine, one, CorrectedText("en", 99, old, "second", ""))
    assert not correct(house.engine, one, CorrectedText("de", 1, old, "zweite", ""))
    assert spoken(house, one) == "first"
    with pytest.raises(KeyError):
        correct(house.engine, "nobody", CorrectedText("en", 1, old, "second", ""))


def test_search_follows(house: House, one: str) -> None:
    put(house, one, "a purple elephant")
    put(house, one, "فیل بنفش", "fa")
    for query in ("elephant", "بنفش"):
        [hit] = search(house.engine, query, 5)[0]
        assert (hit.recording_id, hit.utterance_index) == (one, 1)
        assert hit.snippet.marks
    for stage in (Stage.TRANSCRIPTS, Stage.TRANSLATIONS):
        house.commit(one, stage)
    assert len(search(house.engine, "elephant", 5)[0]) == len(search(house.engine, "بنفش", 5)[0]) == 1


def test_another_transcript_outdates_it_and_the_first_again_brings_it_back(house: House, one: str) -> None:
    recognised = spoken(house, one)
    put(house, one, "a purple elephant")
    put(house, one, "فیل بنفش", "fa")
    first = house.results(one).transcript
    said = first.utterances[1]
    other = replace(said, words=tuple(replace(word, text="other") for word in said.words))
    house.store.save_transcript(replace(first, utterances=(first.utterances[0], other, first.utterances[2])), RUN)
    assert spoken(house, one) == other.text
    assert house.store.corrections(one) == []
    assert [each.applied for each in revisions(house.engine, one, "en", 1)] == [False]
    assert search(house.engine, "elephant", 5)[0] == []
    later = (first.utterances[0], other, replace(said, index=2))
    house.store.save_transcript(replace(first, utterances=later), RUN)
    assert (recognised, spoken(house, one, 2)) == (said.text, "a purple elephant")
    given = house.results(one).translations[0]
    house.store.save_translations([given], RUN)
    assert translated(house, one, 2) == "فیل بنفش"


def test_a_backup_has_them(house: House, one: str, empty_database_url: str, tmp_path: Path) -> None:
    put(house, one, "a purple elephant")
    back_up(house.engine, house.layout, tmp_path / "b.tar.gz", models=False, advance=lambda _: None)
    target = open_database(empty_database_url)
    restore(target, Layout(tmp_path / "there"), tmp_path / "b.tar.gz", force=False, advance=lambda _: None)
    there = House(target, Layout(tmp_path / "there"))
    assert spoken(there, one) == "a purple elephant"
    assert revisions(target, one, "en", 1) == revisions(house.engine, one, "en", 1)
    assert put(there, one, "a pink elephant")  # numbers go on after those that were restored
    assert [each.number for each in revisions(target, one, "en", 1)] == [1, 2]
    target.dispose()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(text=TEXTS)
def test_any_text_comes_back_as_it_was(house: House, text: str) -> None:
    one = house.finish("any.wav")
    assert correct(house.engine, one, CorrectedText("fa", 1, translated(house, one), text, text))
    assert translated(house, one) == text
    assert revisions(house.engine, one, "fa", 1)[-1].corrected_by == text


def test_a_language_that_was_never_corrected_stays(house: House, one: str) -> None:
    put(house, one, "فیل بنفش", "fa")
    german = TranslationSet(one, "de", "argos", "m", "1", house.results(one).translations[0].translations)
    german = replace(german, translations=tuple(replace(each, language="de") for each in german.translations))
    persian = house.results(one).translations[0]
    house.store.save_translations([german, persian], RUN)
    found = {each.language: each for each in house.store.translations(one)}
    assert found["de"] == german
    assert found["fa"].translations[1].text == "فیل بنفش"
