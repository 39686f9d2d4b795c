"""Sentences that were translated before."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.ports import EngineVersion, TranslationMemory
from asr_pipeline.storage.memory import SqlTranslationMemory, memory_key
from asr_pipeline_tests.storage.samples import TEXTS

ARGOS = EngineVersion("argos", "en_fa", "1.5")


@pytest.fixture
def memory(database: sa.Engine) -> TranslationMemory:
    return SqlTranslationMemory(database)


@pytest.mark.database
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(pairs=st.dictionaries(TEXTS, TEXTS, max_size=5), version=TEXTS)
def test_what_is_remembered_is_recalled(memory: TranslationMemory, pairs: dict[str, str], version: str) -> None:
    engine = EngineVersion("argos", "m", version)
    known = memory.recall(list(pairs), "en", "fa", engine)
    memory.remember(pairs, "en", "fa", engine)
    assert memory.recall([*pairs, *pairs, "never seen before"], "en", "fa", engine) == pairs | known


@pytest.mark.database
def test_the_first_translation_stays(memory: TranslationMemory) -> None:
    memory.remember({"Hello.": "سلام."}, "en", "fa", ARGOS)
    memory.remember({"Hello.": "درود.", "Bye.": "بدرود."}, "en", "fa", ARGOS)
    assert memory.recall(["Hello.", "Bye."], "en", "fa", ARGOS) == {"Hello.": "سلام.", "Bye.": "بدرود."}


@pytest.mark.database
def test_other_languages_and_versions_are_other_keys(memory: TranslationMemory) -> None:
    memory.remember({"Hello.": "سلام."}, "en", "fa", ARGOS)
    assert memory.recall(["Hello."], "en", "ar", ARGOS) == {}
    assert memory.recall(["Hello."], "en", "fa", EngineVersion("argos", "en_fa", "1.6")) == {}


@pytest.mark.database
def test_many_sentences_at_once(memory: TranslationMemory) -> None:
    pairs = {f"Sentence {n}.": f"متن {n}." for n in range(3_000)}
    memory.remember({}, "en", "fa", ARGOS)
    memory.remember(pairs, "en", "fa", ARGOS)
    assert memory.recall([*pairs, *(f"Other {n}." for n in range(60_000))], "en", "fa", ARGOS) == pairs


@given(st.lists(TEXTS, min_size=6, max_size=6), st.lists(TEXTS, min_size=6, max_size=6))
def test_keys_differ_where_any_part_does(one: list[str], two: list[str]) -> None:
    keys = [memory_key(part[0], part[1], part[2], EngineVersion(*part[3:])) for part in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


def test_parts_do_not_run_together() -> None:
    assert memory_key("a", "bc", "d", ARGOS) != memory_key("ab", "c", "d", ARGOS)
