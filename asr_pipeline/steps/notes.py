"""Notes -> translations: many notes at a time, sentence by sentence, each result committed and told at once.

Sentences of all notes of a run are translated together, with memory and glossary, as those of recordings are
(`translate.py`). A note's failure never stops the others.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from operator import attrgetter
from typing import Protocol

from asr_pipeline.domain.errors import EngineStuck, InternalError, PipelineError, TransientFailure, internal_error
from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary
from asr_pipeline.domain.note import NoteWork
from asr_pipeline.domain.observing import working_on
from asr_pipeline.domain.persian import normalise
from asr_pipeline.domain.sentences import divide, join, sentences
from asr_pipeline.ports import EngineVersion, NoteWorkStore
from asr_pipeline.steps.engine_calls import EngineCalls
from asr_pipeline.steps.patience import attempts, cause, patiently
from asr_pipeline.steps.stages import SPOKEN_WORD_S
from asr_pipeline.steps.tools import FlowRules, Tools
from asr_pipeline.steps.translate import SentenceBatcher, translate_unknown

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TranslatedNote:
    """One note's translation, as it was committed."""

    work: NoteWork
    sentences: tuple[str, ...]
    version: EngineVersion

    @property
    def text(self) -> str:
        """The text in the other language, with the original's lines and paragraphs."""
        return join(divide(self.work.text), self.sentences)


class NoteListener(Protocol):
    """Hears what becomes of each translation that a run has taken on. Called in one thread."""

    def translated(self, note: TranslatedNote) -> None:
        """Hear of a translation that is committed."""
        ...

    def failed(self, work: NoteWork, error: PipelineError) -> None:
        """Hear why there is none; a transient failure's is pending again."""
        ...


@dataclass
class NoteReport:
    """How a run ended: each translation that it has taken on is in one of these, or belongs to a text of before."""

    done: list[NoteWork] = field(default_factory=list)
    failed: dict[NoteWork, PipelineError] = field(default_factory=dict)


class NoteFlow:
    """Translates what was asked for of notes. An instance runs once."""

    def __init__(
        self,
        tools: Tools,
        rules: FlowRules,
        executor: Executor,
        notes: NoteWorkStore,
        listener: NoteListener,
        *,
        run_id: str,
    ) -> None:
        self._tools = tools
        self._rules = rules
        self._notes = notes
        self._listener = listener
        self._run_id = run_id
        self._engines = EngineCalls(executor, rules.time_limits, attempts=rules.attempts)
        self._report = NoteReport()

    def run(self, note_ids: Sequence[str]) -> NoteReport:
        """Translate all that is pending of some notes. In what a process died before is tried last, one by one."""
        try:
            with working_on("run", run_id=self._run_id):
                asyncio.run(self._all(note_ids))
        except BaseException as error:
            self._notes.let_go(self._run_id)
            if isinstance(error, BaseExceptionGroup):
                raise cause(error) from error
            raise
        finally:
            self._engines.close()
        return self._report

    async def _all(self, note_ids: Sequence[str]) -> None:
        claim = partial(self._notes.claim, note_ids, self._run_id)
        await self._together(await patiently(claim, self._rules))
        claim_suspect = partial(self._notes.claim_suspect, note_ids, self._run_id)
        while (suspect := await patiently(claim_suspect, self._rules)) is not None:
            await self._together([suspect])

    async def _together(self, works: Iterable[NoteWork]) -> None:
        pair = attrgetter("source", "target")
        async with asyncio.TaskGroup() as group:
            for (source, target), of_pair in groupby(sorted(works, key=pair), key=pair):
                group.create_task(self._pair(_Pair(self._tools, self._engines, source, target), list(of_pair)))

    async def _pair(self, pair: "_Pair", works: Sequence[NoteWork]) -> None:
        batcher = SentenceBatcher(pair.translate, batch_sentences=self._rules.batch_sentences)
        async with asyncio.TaskGroup() as group:
            with batcher.producer():
                for work in works:
                    group.create_task(self._one(work, pair, batcher))
                await asyncio.sleep(0)  # each has handed in its sentences when this returns

    async def _one(self, work: NoteWork, pair: "_Pair", batcher: SentenceBatcher) -> None:
        """Translate one note, alone where its batch took too long; a failure is kept and told: others go on."""
        with working_on("note", note_id=work.note_id, language=work.target):
            await self._one_told(work, pair, batcher)

    async def _one_told(self, work: NoteWork, pair: "_Pair", batcher: SentenceBatcher) -> None:
        try:
            try:
                translations = await self._translated(work, batcher)
            except EngineStuck:
                alone = SentenceBatcher(pair.translate, batch_sentences=self._rules.batch_sentences)
                translations = await self._translated(work, alone)
        except Exception as error:  # noqa: BLE001 - kept and told, none is swallowed
            await self._fail(work, error)
        else:
            await self._keep(TranslatedNote(work, translations, pair.version))

    async def _translated(self, work: NoteWork, batcher: SentenceBatcher) -> tuple[str, ...]:
        originals = sentences(divide(work.text))
        async for attempt in attempts(self._rules):
            with attempt:
                translations = await batcher.translate(originals, work.target)
                return tuple(self._written(one, work.target) for one in translations)
        raise AssertionError("stamina ends by returning or raising")

    def _written(self, sentence: str, language: str) -> str:
        return normalise(sentence, self._rules.caption_rules.persian_digits) if language == "fa" else sentence

    async def _keep(self, note: TranslatedNote) -> None:
        save = partial(self._notes.save, note.work, note.text, note.version, self._run_id)
        if await patiently(save, self._rules):
            self._report.done.append(note.work)
            self._listener.translated(note)
        else:
            logger.info("note %s was edited while it was translated into %s", note.work.note_id, note.work.target)

    async def _fail(self, work: NoteWork, error: Exception) -> None:
        told = error if isinstance(error, PipelineError) else _internal(work, error)
        note = self._notes.put_back if isinstance(told, TransientFailure) else self._notes.fail
        if await patiently(partial(note, work, told, self._run_id), self._rules):
            self._report.failed[work] = told
            self._listener.failed(work, told)


class _Pair:
    """What translates from one language into another, with the terms of today; looked up when it is needed."""

    def __init__(self, tools: Tools, engines: EngineCalls, source: str, target: str) -> None:
        self._tools = tools
        self._engines = engines
        self._source = source
        self._target = target

    @cached_property
    def version(self) -> EngineVersion:
        """Raises ModelMissing."""
        return self._tools.translator.version(self._source, self._target)

    @cached_property
    def _glossary(self) -> Glossary:
        glossaries = self._tools.glossaries
        return glossaries.glossary(self._source, self._target) if glossaries else NO_GLOSSARY

    async def translate(self, some: Sequence[str], target: str) -> list[str]:
        """Translate sentences, those that the memory knows without an engine."""

        async def translate_now(unknown: Sequence[str], glossary: Glossary | None) -> list[str]:
            into = partial(self._tools.translator.translate, source=self._source, target=target, glossary=glossary)
            spoken_s = SPOKEN_WORD_S * sum(len(sentence.split()) for sentence in unknown)
            return (await self._engines.run_together(f"translation into {target}", spoken_s, into, unknown))[0]

        return await translate_unknown(
            some,
            target,
            self._tools.memory,
            translate_now,
            version=self.version,
            glossary=self._glossary,
            source=self._source,
        )


def _internal(work: NoteWork, error: Exception) -> InternalError:
    logger.error("note %s could not be translated into %s", work.note_id, work.target, exc_info=error)
    return internal_error(f"note {work.note_id}", error)
