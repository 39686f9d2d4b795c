"""Sentences of many recordings -> translations: gathered, translated together, one result to one sentence."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from asr_pipeline.domain.errors import EngineCrashed, EngineFailed, EngineStuck, PipelineError
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import Translation, TranslationSet
from asr_pipeline.ports import EngineVersion

TranslateBatch = Callable[[Sequence[str], str], Awaitable[list[str]]]


class SentenceBatcher:
    """Gathers sentences until there are enough, or until nobody is left who could add some.

    Equal sentences that wait together are translated once. `translate_batch` takes sentences and a language.
    """

    def __init__(self, translate_batch: TranslateBatch, *, batch_sentences: int) -> None:
        self._translate_batch = translate_batch
        self._batch_sentences = batch_sentences
        self._waiting: dict[str, dict[str, asyncio.Future[str]]] = {}
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
        if len(waiting) >= self._batch_sentences or not self._producers:
            self._flush(language)
        return list(await asyncio.gather(*futures))

    def _flush_all(self) -> None:
        for language in list(self._waiting):
            self._flush(language)

    def _flush(self, language: str) -> None:
        batch = self._waiting.pop(language, {})
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
            whole = isinstance(error, EngineStuck | EngineCrashed)  # halves would take as long, and die as often
            if len(sentences) == 1 or whole or not isinstance(error, PipelineError):
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
    transcript: Transcript, language: str, batcher: SentenceBatcher, version: EngineVersion
) -> TranslationSet:
    """Translate a transcript's utterances into one language, one sentence to each."""
    texts = await batcher.translate([utterance.sentence for utterance in transcript.utterances], language)
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
    )


def _require_one_to_each(sentences: Sequence[str], results: Sequence[str], language: str) -> None:
    if len(results) != len(sentences):
        raise EngineFailed(
            f"translation into {language}",
            expected=f"{len(sentences)} results",
            found=str(len(results)),
            remedy="Report this: the translation engine broke its promise of one result to a sentence.",
        )
