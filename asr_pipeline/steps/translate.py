"""Sentences of many recordings -> translations: gathered, translated together, one result to one sentence."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from asr_pipeline.domain.errors import EngineFailed
from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary, fingerprint
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, Translation, TranslationSet
from asr_pipeline.ports import EngineVersion, TranslationMemory

TranslateBatch = Callable[[Sequence[str], str], Awaitable[list[str]]]
TranslateNow = Callable[[Sequence[str], Glossary | None], Awaitable[list[str]]]


class SentenceBatcher:
    """Gathers sentences until there are enough, or until nobody is left who could add some.

    Equal sentences that wait together are translated once. `translate_batch` takes sentences and a language.
    """

    def __init__(self, translate_batch: TranslateBatch, *, batch_sentences: int) -> None:
        self._translate_batch = translate_batch
        self._batch_sentences = batch_sentences
        self._waiting: dict[str, dict[str, asyncio.Future[str]]] = {}
        self._asked: Counter[str] = Counter()  # sentences by language, repeated ones too: they wait no longer for it
        self._producers = 0
        self._batches: set[asyncio.Task[None]] = set()

    @contextmanager
    def producer(self) -> Iterator[None]:
        """Announce that sentences may still come; when the last producer leaves, what waits is translated."""
        self._producers += 1
        try:
            yield
        finally:
            self._producers -= 1
            if not self._producers:
                self._flush_all()

    async def translate(self, sentences: Sequence[str], language: str) -> list[str]:
        """Wait until the sentences have been translated in some batch; one result to each, in their order."""
        waiting = self._waiting.setdefault(language, {})
        loop = asyncio.get_running_loop()
        futures = [waiting.setdefault(sentence, loop.create_future()) for sentence in sentences]
        self._asked[language] += len(sentences)
        if self._asked[language] >= self._batch_sentences or not self._producers:
            self._flush(language)
        return list(await asyncio.gather(*futures))

    def _flush_all(self) -> None:
        for language in list(self._waiting):
            self._flush(language)

    def _flush(self, language: str) -> None:
        batch = self._waiting.pop(language, {})
        del self._asked[language]
        if batch:
            task = asyncio.ensure_future(self._translate(batch, language))
            self._batches.add(task)  # the loop itself keeps only weak references
            task.add_done_callback(self._batches.discard)

    async def _translate(self, batch: dict[str, asyncio.Future[str]], language: str) -> None:
        """Translate a batch; where it fails, halve it until only the sentence at fault fails."""
        sentences = list(batch)
        try:
            results = await self._translate_batch(sentences, language)
            _require_one_to_each(sentences, results, language)
        except Exception as error:  # noqa: BLE001 - handed to those who wait, none is swallowed
            if len(sentences) == 1 or not isinstance(error, EngineFailed):  # another cause is no sentence's fault
                for future in batch.values():
                    if not future.done():
                        future.set_exception(error)
                return
            middle = len(sentences) // 2
            for half in (sentences[:middle], sentences[middle:]):
                await self._translate({sentence: batch[sentence] for sentence in half}, language)
            return
        for sentence, result in zip(sentences, results, strict=True):
            if not batch[sentence].done():
                batch[sentence].set_result(result)


async def translate(
    transcript: Transcript,
    language: str,
    batcher: SentenceBatcher,
    version: EngineVersion,
    glossary: Glossary = NO_GLOSSARY,
) -> TranslationSet:
    """Translate a transcript's utterances into one language, one sentence to each."""
    sentences = [utterance.sentence for utterance in transcript.utterances]
    texts = await batcher.translate(sentences, language)
    return TranslationSet(
        recording_id=transcript.recording_id,
        language=language,
        engine=version.engine,
        model=version.model,
        model_version=version.version,
        translations=tuple(
            Translation(utterance_index=utterance.index, language=language, text=text)
            for utterance, text in zip(transcript.utterances, texts, strict=True)
        ),
        glossary=glossary.fingerprint(sentences),
    )


async def translate_unknown(
    sentences: Sequence[str],
    language: str,
    memory: TranslationMemory,
    translate_now: TranslateNow,
    *,
    version: EngineVersion,
    glossary: Glossary = NO_GLOSSARY,
    source: str = SOURCE_LANGUAGE,
) -> list[str]:
    """Translate what the memory does not know, and let it know.

    A sentence to which terms apply is remembered with them, so that it is translated anew when they change.
    """
    terms_of = {sentence: fingerprint(glossary.applicable([sentence])) for sentence in sentences}
    known: dict[str, str] = {}
    fresh: dict[str, str] = {}
    for terms in set(terms_of.values()):
        group = [sentence for sentence, own in terms_of.items() if own == terms]
        known |= memory.recall(group, source, language, _with_terms(version, terms))
    for with_terms in (False, True):
        unknown = [one for one, terms in terms_of.items() if one not in known and bool(terms) is with_terms]
        if unknown:
            own = Glossary(glossary.applicable(unknown), language=language) if with_terms else None
            fresh |= dict(zip(unknown, await translate_now(unknown, own), strict=True))
    for terms in {terms_of[sentence] for sentence in fresh}:
        pairs = {sentence: text for sentence, text in fresh.items() if terms_of[sentence] == terms}
        memory.remember(pairs, source, language, _with_terms(version, terms))
    known |= fresh
    return [known[sentence] for sentence in sentences]


def _with_terms(version: EngineVersion, terms: str) -> EngineVersion:
    return replace(version, version=f"{version.version} glossary {terms}") if terms else version


def _require_one_to_each(sentences: Sequence[str], results: Sequence[str], language: str) -> None:
    if len(results) != len(sentences):
        raise EngineFailed(
            f"translation into {language}",
            expected=f"{len(sentences)} results",
            found=str(len(results)),
            remedy="Report this: the translation engine broke its promise of one result to a sentence.",
        )
