"""The batcher: sentences of many recordings together, one result to each. The memory: one key to one glossary."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.errors import EngineFailed
from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary, glossary_entry
from asr_pipeline.ports import EngineVersion
from asr_pipeline.steps.translate import SentenceBatcher, translate_unknown
from asr_pipeline_tests.fakes import FakeMemory, FakeTranslator


class Batches:
    """Translates to upper case, keeps each batch, and fails on "bad"."""

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    async def __call__(self, sentences: Sequence[str], language: str) -> list[str]:
        await asyncio.sleep(0)
        self.seen.append(list(sentences))
        if "bad" in sentences:
            raise EngineFailed("engine", expected="text", found="bad", remedy="none")
        return [f"{language}:{sentence.upper()}" for sentence in sentences]


@given(st.lists(st.lists(st.text(max_size=3), max_size=8), max_size=8), st.integers(1, 10))
def test_every_sentence_gets_its_own_result(recordings: list[list[str]], batch_sentences: int) -> None:
    batches = Batches()

    async def run() -> list[list[str]]:
        batcher = SentenceBatcher(batches, batch_sentences=batch_sentences)

        async def one(sentences: list[str]) -> list[str]:
            with batcher.producer():
                await asyncio.sleep(0)
            return await batcher.translate(sentences, "fa")

        return await asyncio.gather(*(one(sentences) for sentences in recordings))

    results = asyncio.run(run())
    assert results == [[f"fa:{s.upper()}" for s in sentences] for sentences in recordings]


def test_what_is_said_again_and_again_waits_for_no_full_batch_of_other_sentences() -> None:
    batches = Batches()

    async def run() -> list[list[str]]:
        batcher = SentenceBatcher(batches, batch_sentences=4)
        with batcher.producer():
            return await asyncio.wait_for(
                asyncio.gather(*(batcher.translate(["yes", "no"], "fa") for _ in range(2))), timeout=10
            )

    assert asyncio.run(run()) == [["fa:YES", "fa:NO"]] * 2
    assert batches.seen == [["yes", "no"]]


def test_nothing_waits_for_ever_once_nobody_can_add() -> None:
    batches = Batches()

    async def run() -> list[str]:
        batcher = SentenceBatcher(batches, batch_sentences=1000)
        with batcher.producer():
            waiting = asyncio.ensure_future(batcher.translate(["a", "b"], "fa"))
            await asyncio.sleep(0.01)
            assert not waiting.done()
        return await waiting

    assert asyncio.run(run()) == ["fa:A", "fa:B"]
    assert batches.seen == [["a", "b"]]


def test_equal_sentences_that_wait_together_are_translated_once() -> None:
    batches = Batches()

    async def run() -> list[list[str]]:
        batcher = SentenceBatcher(batches, batch_sentences=1000)
        with batcher.producer():
            tasks = [asyncio.ensure_future(batcher.translate(["same", "same"], "fa")) for _ in range(3)]
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks)

    assert asyncio.run(run()) == [["fa:SAME", "fa:SAME"]] * 3
    assert batches.seen == [["same"]]


def test_a_sentence_that_fails_fails_alone() -> None:
    async def run() -> list[object]:
        batcher = SentenceBatcher(Batches(), batch_sentences=1000)
        with batcher.producer():
            tasks = [asyncio.ensure_future(batcher.translate([s], "fa")) for s in ("a", "b", "bad", "c", "d")]
            await asyncio.sleep(0)
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    a, b, bad, c, d = asyncio.run(run())
    assert (a, b, c, d) == (["fa:A"], ["fa:B"], ["fa:C"], ["fa:D"])
    assert isinstance(bad, EngineFailed)


def test_an_engine_that_loses_a_sentence_is_found_out() -> None:
    async def loses_one(sentences: Sequence[str], language: str) -> list[str]:  # noqa: ARG001
        return list(sentences[1:])

    async def run() -> None:
        await SentenceBatcher(loses_one, batch_sentences=1).translate(["a"], "fa")

    with pytest.raises(EngineFailed, match="expected 1 results, found 0"):
        asyncio.run(run())


class Remembering:
    """Translates with a fake, through a memory."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.translator = FakeTranslator()

    def translate(self, *sentences: str, glossary: Glossary = NO_GLOSSARY) -> list[str]:
        async def now(unknown: Sequence[str], terms: Glossary | None) -> list[str]:
            return self.translator.translate(unknown, source="en", target="fa", glossary=terms)

        version = EngineVersion("fake", "m", "1")
        return asyncio.run(translate_unknown(sentences, "fa", self.memory, now, version=version, glossary=glossary))


CAMERA, BUS = glossary_entry("camera", "X", "fa"), glossary_entry("bus", "Y", "fa")


def test_sentences_with_terms_have_memories_of_their_own() -> None:
    house = Remembering()
    assert house.translate("A camera.", "A tree.") == ["fa:A camera.", "fa:A tree."]
    assert house.translate("A camera.", "A tree.", glossary=Glossary([CAMERA])) == ["fa:A camera. X", "fa:A tree."]
    assert house.translator.batches == [["A camera.", "A tree."], ["A camera."]]

    # a term that does not apply changes no key; one that changes does
    assert house.translate("A camera.", glossary=Glossary([CAMERA, BUS])) == ["fa:A camera. X"]
    assert len(house.translator.batches) == 2
    assert house.translate("A camera.", glossary=Glossary([glossary_entry("camera", "Z", "fa")])) == ["fa:A camera. Z"]
    assert len(house.translator.batches) == 3

    # the glossary is as it was before: what was remembered then is right again
    assert house.translate("A camera.") == ["fa:A camera."]
    assert house.translate("A camera.", glossary=Glossary([CAMERA])) == ["fa:A camera. X"]
    assert len(house.translator.batches) == 3


def test_sentences_with_different_terms_are_translated_together_and_remembered_apart() -> None:
    house = Remembering()
    both = Glossary([CAMERA, BUS])
    sentences = ["A camera.", "A bus.", "A tree.", "A camera on a bus."]
    expected = ["fa:A camera. X", "fa:A bus. Y", "fa:A tree.", "fa:A camera on a bus. Y X"]
    assert house.translate(*sentences, glossary=both) == expected
    assert sorted(map(len, house.translator.batches)) == [1, 3]
    assert house.translate(*reversed(sentences), glossary=both) == expected[::-1]
    assert len(house.translator.batches) == 2
    assert len({key[3].version for key in house.memory.known}) == 4


@given(st.lists(st.sampled_from(["a camera", "a bus", "a tree", "camera bus", ""]), max_size=8), st.integers(0, 3))
def test_with_a_memory_or_without_each_sentence_gets_the_same(sentences: list[str], terms: int) -> None:
    glossary = Glossary([entry for bit, entry in ((1, CAMERA), (2, BUS)) if terms & bit])
    house = Remembering()
    house.translate("a camera", "a bus")
    expected = FakeTranslator().translate(sentences, source="en", target="fa", glossary=glossary)
    assert house.translate(*sentences, glossary=glossary) == expected
    assert house.translate(*sentences, glossary=glossary) == expected
