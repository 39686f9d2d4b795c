"""Search on both databases: what is kept is found, what is gone is not, and no query is syntax."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import Translation, TranslationSet
from asr_pipeline.storage import migrations
from asr_pipeline.storage.backup import back_up
from asr_pipeline.storage.database import open_database, reading, upgrade, writing
from asr_pipeline.storage.erasing import erase_rows
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.restore import restore
from asr_pipeline.storage.search import Hit, search
from asr_pipeline.storage.tables import recordings, search_texts
from asr_pipeline_tests.storage.house import House
from asr_pipeline_tests.storage.samples import RUN, TEXTS

pytestmark = pytest.mark.database
SAID = ["the camera is in the bag", "two cameras and a well-known lens", "don't move"]
PERSIAN = ["دوربین در کیف است", "دو دوربین و یک لنز", "كتاب‌هاي ۱۲"]


@pytest.fixture
def house(database: sa.Engine, tmp_path: Path) -> House:
    return House(database, Layout(tmp_path / "data"))


def say(house: House, name: str, said: list[str], translated: list[str]) -> str:
    """Register a recording with such texts."""
    recording_id = house.register(name)
    transcribe(house, recording_id, said)
    translate(house, recording_id, translated)
    return recording_id


def transcribe(house: House, recording_id: str, said: list[str]) -> None:
    spoken = tuple(
        Utterance(
            i, 0, tuple(Word(word, 10.0 * i + n, 10.0 * i + n + 1, 1.0) for n, word in enumerate(text.split(" ")))
        )
        for i, text in enumerate(said)
    )
    house.store.save_transcript(Transcript(recording_id, "vosk", "m", "1", 8000, spoken), RUN)


def translate(house: House, recording_id: str, translated: list[str], language: str = "fa") -> None:
    texts = tuple(Translation(i, language, text) for i, text in enumerate(translated))
    house.store.save_translations([TranslationSet(recording_id, language, "argos", "m", "1", texts)], RUN)


def found(house: House, query: str, **more: str) -> list[tuple[int, str]]:
    hits, _ = search(house.engine, query, 100, **more)  # type: ignore[arg-type]
    return [(hit.utterance_index, hit.language) for hit in hits]


def test_both_languages_are_found_with_their_times(house: House) -> None:
    one = say(house, "one.wav", SAID, PERSIAN)
    hits, following = search(house.engine, "CAMERA bag", 10)
    assert following is None
    assert [(hit.recording_id, hit.name, hit.start_s, hit.end_s) for hit in hits] == [(one, "one.wav", 0.0, 6.0)]
    assert [hits[0].snippet.text[low:high] for low, high in hits[0].snippet.marks] == ["camera", "bag"]
    assert found(house, "camera") == [(0, "en"), (1, "en")]
    assert found(house, "camera the") == [(0, "en")]
    assert found(house, "دوربین") == [(0, "fa"), (1, "fa")]
    assert found(house, "دوربین", language="en") == []
    for query in ("کتابهای", "کتاب", "كتاب‌های 12", "کتاب های ١٢"):
        assert found(house, query) == [(2, "fa")], query
    for query in ("well known", "wellknown", "well-known"):
        assert found(house, query) == [(1, "en")], query
    assert found(house, "dont") == found(house, "don't") == [(2, "en")]
    assert found(house, "nothing") == found(house, "'\"*") == []


def test_pages_give_each_hit_once_newest_recording_first(house: House) -> None:
    ids = [say(house, f"{number}.wav", SAID, PERSIAN) for number in range(3)]
    seen: list[Hit] = []
    after = None
    while True:
        hits, after = search(house.engine, "camera", 4, after=after)
        seen += hits
        if after is None:
            break
        assert len(hits) == 4
    assert [(hit.recording_id, hit.utterance_index) for hit in seen] == [(one, n) for one in ids[::-1] for n in (0, 1)]


def test_what_is_made_anew_is_found_anew(house: House) -> None:
    one = say(house, "one.wav", SAID, PERSIAN)
    transcribe(house, one, ["a train"])
    assert found(house, "camera") == found(house, "دوربین") == []  # its old translations are of other utterances
    assert found(house, "train") == [(0, "en")]
    translate(house, one, ["یک قطار"])
    assert found(house, "قطار") == [(0, "fa")]
    translate(house, one, ["ein Zug"], "de")
    assert (found(house, "قطار"), found(house, "zug")) == ([], [(0, "de")])


def test_what_is_erased_or_deleted_is_not_found(house: House) -> None:
    one, two = say(house, "one.wav", SAID, PERSIAN), say(house, "two.wav", SAID, PERSIAN)
    erase_rows(house.engine, one)
    assert len(found(house, "camera")) == 2
    with writing(house.engine) as connection:
        connection.execute(sa.delete(recordings).where(recordings.c.recording_id == two))
    assert found(house, "camera") == []
    assert_index_is_whole(house.engine)


def test_a_backup_brings_it_back_on_either_database(house: House, empty_database_url: str, tmp_path: Path) -> None:
    one = house.finish("one.wav")
    transcribe(house, one, SAID)
    translate(house, one, PERSIAN)
    house.commit(one, Stage.SUBTITLES)
    back_up(house.engine, house.layout, tmp_path / "b.tar.gz", models=False, advance=lambda _: None)
    target = open_database(empty_database_url)
    layout = Layout(tmp_path / "elsewhere")
    restore(target, layout, tmp_path / "b.tar.gz", force=False, advance=lambda _: None)
    there = House(target, layout)
    for query in ("camera", "دوربین"):
        assert found(there, query) == found(house, query) != []
    assert_index_is_whole(target)
    restore(target, layout, tmp_path / "b.tar.gz", force=True, advance=lambda _: None)
    assert len(found(there, "camera")) == 2
    assert_index_is_whole(target)
    target.dispose()


def test_the_migration_fills_it_from_what_is_there(house: House) -> None:
    say(house, "one.wav", [*SAID, "back\\slash \x00 \udcff"], [*PERSIAN, "x"])
    with reading(house.engine) as connection:
        query = sa.select(search_texts.c.language, search_texts.c.utterance_index, search_texts.c.text)
        before = sorted(map(tuple, connection.execute(query)))
    downgrade(house.engine, "0003")
    upgrade(house.engine)
    with reading(house.engine) as connection:
        assert sorted(map(tuple, connection.execute(query))) == before
    assert found(house, "camera") == [(0, "en"), (1, "en")]
    assert_index_is_whole(house.engine)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    query=st.text(max_size=40)
    | TEXTS
    | st.lists(st.sampled_from(['"', "*", "OR", "NEAR(", "a", ":", "&", "'", "‌", "\\"])).map("".join)
)
def test_no_query_is_syntax(filled: House, query: str) -> None:
    hits, _ = search(filled.engine, query, 5)
    assert all(hit.snippet.text for hit in hits)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20)
@given(texts=st.lists(TEXTS.filter(lambda text: " " not in text), min_size=1, max_size=3))
def test_any_text_can_be_kept(filled: House, texts: list[str]) -> None:
    transcribe(filled, filled.store.rows()[0].recording.recording_id, texts)
    search(filled.engine, texts[0], 5)


@pytest.fixture
def filled(house: House) -> Iterator[House]:
    say(house, "one.wav", SAID, PERSIAN)
    yield house
    assert_index_is_whole(house.engine)


def downgrade(engine: sa.Engine, wanted: str) -> None:
    """Take a database back to an older version, which the program itself never does."""
    with writing(engine) as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        command.downgrade(config, wanted)


def assert_index_is_whole(engine: sa.Engine) -> None:
    """Have SQLite compare its index with the texts; it raises where they differ."""
    if engine.dialect.name == "sqlite":
        with writing(engine) as connection:
            connection.exec_driver_sql("INSERT INTO search_index(search_index, rank) VALUES ('integrity-check', 1)")


def test_postgresql_uses_its_index(house: House) -> None:
    if house.engine.dialect.name != "postgresql":
        pytest.skip("SQLite's index is asked by name")
    say(house, "one.wav", SAID, PERSIAN)
    asked: list[tuple[str, Any]] = []
    sa.event.listen(house.engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    search(house.engine, "camera", 5)
    statement, parameters = next(one for one in asked if "to_tsvector" in one[0])
    with house.engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    assert "search_index" in "\n".join(plan)


def test_a_name_that_is_no_text(house: House) -> None:
    say(house, "caf\udce9.wav", SAID, PERSIAN)
    hits, _ = search(house.engine, "camera", 1)
    assert hits[0].name == "caf\udce9.wav"
