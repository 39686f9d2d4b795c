"""The flow: recordings stream through the stages, many at a time; each result is committed and told at once.

One coroutine a recording, all in one thread: only engines run in the executor, so that commits, log lines and the
listener need no locks. A bounded window of recordings is decoded and recognised at a time. A recording that waits for
its translations has left the window: sentences of many recordings are translated together.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import stamina

from asr_pipeline.domain.errors import (
    EngineFailed,
    InternalError,
    PipelineError,
    SetupError,
    TransientFailure,
    UpstreamMissing,
)
from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary, missing_terms
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.segment import Span
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.ports import (
    AudioDecoder,
    EngineVersion,
    Files,
    FlowListener,
    Glossaries,
    RecordStore,
    RunContext,
    SubtitleWriter,
    Transcriber,
    TranslationMemory,
    Translator,
    VoiceDetector,
)
from asr_pipeline.steps.caption import CaptionRules, caption
from asr_pipeline.steps.segment import segment
from asr_pipeline.steps.transcribe import transcribe
from asr_pipeline.steps.translate import SentenceBatcher, translate, translate_unknown

T = TypeVar("T")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tools:
    """The engines and stores that the stages work with."""

    decoder: AudioDecoder
    detector: VoiceDetector
    transcriber: Transcriber
    translator: Translator
    subtitle_writer: SubtitleWriter
    store: RecordStore
    memory: TranslationMemory
    files: Files
    glossaries: Glossaries | None = None


@dataclass(frozen=True)
class FlowRules:
    """What a person may choose about the flow. Times are in seconds.

    `made_with` is kept with each stage's commits (`ports.RunContext`).
    """

    target_languages: Sequence[str]
    caption_rules: CaptionRules
    made_with: Mapping[Stage, str] = field(default_factory=dict)
    allow_silent: bool = True
    span_target_s: float = 30
    recordings_in_flight: int = 8
    spans_in_flight: int = 8
    batch_sentences: int = 256
    attempts: int = 3
    retry_wait_s: float = 0.5


@dataclass
class FlowReport:
    """How a flow ended: every recording is in exactly one of the two."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, PipelineError] = field(default_factory=dict)


class Flow:
    """Streams recordings through the stages asked for. An instance runs once."""

    def __init__(
        self, tools: Tools, rules: FlowRules, executor: Executor, listener: FlowListener, run: RunContext
    ) -> None:
        self._tools = tools
        self._rules = rules
        self._executor = executor
        self._listener = listener
        self._run_context = run
        self._report = FlowReport()
        self._batcher = SentenceBatcher(self._translate_batch, batch_sentences=rules.batch_sentences)
        self._versions: dict[str, EngineVersion] = {}
        self._glossaries: dict[str, Glossary] = {}

    def run(self, recording_ids: Iterable[str], stages: Iterable[Stage], *, resume: bool = False) -> FlowReport:
        """Take every recording through `stages`, and tell what became of each.

        With `resume`, stages that this run's lineage has committed already are not computed again.
        A recording's failure is in the report; a SetupError, which would fail them all, is raised.
        """
        self._stages = frozenset(stages)
        if Stage.TRANSLATIONS in self._stages:
            self._versions = {
                language: self._tools.translator.version(SOURCE_LANGUAGE, language)
                for language in self._rules.target_languages
            }
            self._glossaries = {language: self._glossary(language) for language in self._versions}
        self._committed = (
            self._tools.store.stages_done_in(self._run_context.root_run_id)
            if resume
            else frozenset[tuple[str, Stage]]()
        )
        try:
            asyncio.run(self._all(recording_ids))
        except BaseExceptionGroup as group:  # an interrupt comes as a BaseException
            raise _first(group) from group
        return self._report

    def _glossary(self, language: str) -> Glossary:
        glossaries = self._tools.glossaries
        return NO_GLOSSARY if glossaries is None else glossaries.glossary(SOURCE_LANGUAGE, language)

    async def _all(self, recording_ids: Iterable[str]) -> None:
        window = asyncio.Semaphore(self._rules.recordings_in_flight)
        async with asyncio.TaskGroup() as group:
            with self._batcher.producer():
                for recording_id in recording_ids:
                    await window.acquire()
                    group.create_task(self._recording(recording_id, window))

    async def _recording(self, recording_id: str, window: asyncio.Semaphore) -> None:
        """Take one recording through the stages; keep and tell its failure, so that it never stops the others."""
        progress = _Progress(Stage.RAW_AUDIO)
        try:
            results = RecordingResults(self._tools.store.recording(recording_id))
        except KeyError:
            window.release()
            self._tell_failure(recording_id, progress.stage, _not_registered(recording_id))
            return
        try:
            try:
                with self._batcher.producer():
                    for stage in (Stage.RAW_AUDIO, Stage.SEGMENTS, Stage.TRANSCRIPTS):
                        await self._stage(stage, results, progress)
            finally:
                window.release()
            for stage in (Stage.TRANSLATIONS, Stage.SUBTITLES):
                await self._stage(stage, results, progress)
        except SetupError:
            raise
        except PipelineError as error:
            source = self._tools.files.source_of(results.recording)
            named = error.about(results.recording.name) if error.subject == str(source) else error
            await self._fail(recording_id, progress.stage, named)
        except Exception as error:  # a fault of ours in one recording must not lose the others' work
            logger.exception("%s stopped at %s", recording_id, progress.stage)
            await self._fail(recording_id, progress.stage, _internal(recording_id, error))
        else:
            self._report.done.append(recording_id)

    async def _fail(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        async for attempt in self._attempts():
            with attempt:
                self._tools.store.save_failure(recording_id, stage, error, self._run_context)
        self._tell_failure(recording_id, stage, error)

    def _tell_failure(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        self._report.failed[recording_id] = error
        self._listener.recording_failed(recording_id, stage, error)

    def _attempts(self) -> AsyncIterator[stamina.Attempt]:
        return aiter(
            stamina.retry_context(
                on=TransientFailure, attempts=self._rules.attempts, wait_initial=self._rules.retry_wait_s
            )
        )

    async def _stage(self, stage: Stage, results: RecordingResults, progress: "_Progress") -> None:
        """Compute, commit and tell a stage that was asked for; load one that was not, where a later one needs it."""
        progress.stage = stage
        recording_id = results.recording.recording_id
        if stage not in self._stages:
            if any(later.order > stage.order for later in self._stages):
                self._load(stage, results)
            return
        if (recording_id, stage) in self._committed:
            self._load(stage, results)
        else:
            async for attempt in self._attempts():
                with attempt:
                    await self._compute(stage, results)
        self._listener.stage_done(stage, results)

    async def _compute(self, stage: Stage, results: RecordingResults) -> None:
        """Compute one stage and commit it."""
        tools, rules = self._tools, self._rules
        run = replace(self._run_context, made_with=rules.made_with.get(stage, ""))
        recording, recording_id = results.recording, results.recording.recording_id
        audio_path = tools.files.audio_of(recording_id)
        results.seconds[stage] = 0.0
        match stage:
            case Stage.RAW_AUDIO:
                audio = await self._engine(
                    results, stage, tools.decoder.decode, tools.files.source_of(recording), audio_path
                )
                results.audio = replace(audio, path=tools.files.relative(audio_path))
                tools.store.save_audio(recording_id, results.audio, run)
            case Stage.SEGMENTS:
                detect = partial(segment, name=recording.name, allow_silent=rules.allow_silent)
                results.segments = await self._engine(results, stage, detect, audio_path, tools.detector)
                tools.store.save_segments(recording_id, results.segments, run)
            case Stage.TRANSCRIPTS:
                results.transcript = await transcribe(
                    recording_id,
                    audio_path,
                    _made(results.segments, Stage.SEGMENTS, recording),
                    tools.transcriber,
                    partial(self._recognise, results),
                    span_target_s=rules.span_target_s,
                    spans_in_flight=rules.spans_in_flight,
                )
                tools.store.save_transcript(results.transcript, run)
            case Stage.TRANSLATIONS:
                transcript = _made(results.transcript, Stage.TRANSCRIPTS, recording)
                results.translations = list(
                    await asyncio.gather(
                        *(
                            translate(transcript, language, self._batcher, version, self._glossaries[language])
                            for language, version in self._versions.items()
                        )
                    )
                )
                results.missing_terms = missing_terms(self._glossaries, transcript, results.translations)
                tools.store.save_translations(results.translations, run)
            case Stage.SUBTITLES:
                make = partial(
                    caption,
                    rules=rules.caption_rules,
                    duration_s=_made(results.audio, Stage.RAW_AUDIO, recording).duration_s,
                    writer=tools.subtitle_writer,
                    path_for=partial(tools.files.subtitle_of, recording_id),
                    relative=tools.files.relative,
                )
                transcript = _made(results.transcript, Stage.TRANSCRIPTS, recording)
                sets = _made(results.translations, Stage.TRANSLATIONS, recording)
                captions = await self._engine(results, stage, make, transcript, sets)
                results.subtitles, results.cue_faults = captions.files, captions.faults
                tools.store.save_subtitles(recording_id, results.subtitles, run)

    def _load(self, stage: Stage, results: RecordingResults) -> None:
        """Load what an earlier run committed; where there is nothing, the stage that needs it will say so."""
        store, recording_id = self._tools.store, results.recording.recording_id
        if stage not in store.stages_done([recording_id])[recording_id]:
            return
        match stage:
            case Stage.RAW_AUDIO:
                results.audio = store.audio(recording_id)
            case Stage.SEGMENTS:
                results.segments = store.segments(recording_id)
            case Stage.TRANSCRIPTS:
                results.transcript = store.transcript(recording_id)
            case Stage.TRANSLATIONS:
                results.translations = store.translations(recording_id)
            case Stage.SUBTITLES:
                results.subtitles = store.subtitles(recording_id)

    async def _recognise(self, results: RecordingResults, audio: Path, span: Span) -> list[Utterance]:
        utterances = await self._engine(results, Stage.TRANSCRIPTS, self._tools.transcriber.transcribe, audio, span)
        self._listener.speech_recognised(span.recording_id, span.speech_s)
        return utterances

    async def _translate_batch(self, sentences: Sequence[str], language: str) -> list[str]:
        """Translate what the memory does not know, and let it know."""

        async def translate_now(unknown: Sequence[str], glossary: Glossary | None) -> list[str]:
            translate_them = partial(
                self._tools.translator.translate, source=SOURCE_LANGUAGE, target=language, glossary=glossary
            )
            return (await self._in_executor(translate_them, unknown))[0]

        return await translate_unknown(
            sentences,
            language,
            self._tools.memory,
            translate_now,
            version=self._versions[language],
            glossary=self._glossaries[language],
        )

    async def _engine(self, results: RecordingResults, stage: Stage, work: Callable[..., T], *arguments: object) -> T:
        """Run an engine in the executor, and add its seconds to the stage's."""
        result, seconds = await self._in_executor(work, *arguments)
        results.seconds[stage] += seconds
        return result

    async def _in_executor(self, work: Callable[..., T], *arguments: object) -> tuple[T, float]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, _timed, work, *arguments)
        except BrokenExecutor as error:
            raise EngineFailed(
                "the executor", expected="a result", found=repr(error), remedy="It is tried again on another worker."
            ) from error


@dataclass
class _Progress:
    """The stage that a recording is in, for the report of a failure."""

    stage: Stage


def _timed(work: Callable[..., T], *arguments: object) -> tuple[T, float]:
    started = time.perf_counter()
    result = work(*arguments)
    return result, time.perf_counter() - started


def _made(result: T | None, stage: Stage, recording: Recording) -> T:
    """Give a stage's result, which this stage is made from."""
    if result is None:
        raise UpstreamMissing(
            recording.name,
            expected=f"{stage} to be materialized",
            found="none yet",
            remedy=f"Materialize {stage} of {recording.recording_id} first, or all stages.",
        )
    return result


def _not_registered(recording_id: str) -> UpstreamMissing:
    return UpstreamMissing(
        recording_id,
        expected="the id of a registered recording",
        found="a partition that was added by hand",
        remedy="Register its file with `asr-pipeline process FILE`, and delete this partition.",
    )


def _internal(recording_id: str, error: Exception) -> InternalError:
    return InternalError(
        recording_id,
        expected="this program to work",
        found=f"{type(error).__name__}: {error}",
        remedy="Report this, with the traceback in the run's log.",
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Give one of the group's errors: they are one cause, met by several recordings."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
