"""The flow: recordings stream through the stages, many at a time; each result is committed and told at once.

One coroutine a recording, all in one thread: only engines run elsewhere (`engine_calls.py`), so that commits, log
lines and the listener need no locks. A bounded window of recordings is decoded and recognised at a time. A recording
that waits for its translations has left the window: sentences of many recordings are translated together. Another flow
that works on the same recording is waited for, and what it has committed is not computed again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import stamina

from asr_pipeline.domain.errors import (
    EngineStuck,
    InternalError,
    PipelineError,
    SetupError,
    TransientFailure,
    UpstreamMissing,
)
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.segment import Span, group_into_spans
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Transcript, Utterance
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, TranslationSet
from asr_pipeline.ports import (
    AudioDecoder,
    Claim,
    Claims,
    EngineVersion,
    Files,
    FlowListener,
    RecordStore,
    RunContext,
    SpanStore,
    SubtitleWriter,
    Transcriber,
    TranslationMemory,
    Translator,
    VoiceDetector,
)
from asr_pipeline.steps.caption import CaptionRules, caption
from asr_pipeline.steps.engine_calls import EngineCall, EngineCalls, TimeLimits
from asr_pipeline.steps.kept_spans import KeptSpans, made_with
from asr_pipeline.steps.segment import segment
from asr_pipeline.steps.transcribe import transcribe
from asr_pipeline.steps.translate import SentenceBatcher, translate

T = TypeVar("T")
logger = logging.getLogger(__name__)

CLAIM_LOOK_S = 0.05  # how soon a recording that another has is asked for again, and then ever more seldom
CLAIM_LOOK_MAX_S = 2.0
# What a source's length is taken for before it is decoded, and a sentence's before anyone has said it: for time limits.
SOURCE_BYTES_PER_S = 64_000
SPOKEN_WORD_S = 0.4


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
    claims: Claims
    spans: SpanStore


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
    time_limits: TimeLimits = field(default_factory=TimeLimits)


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
        self._engines = EngineCalls(executor, rules.time_limits, attempts=rules.attempts)

    def run(
        self, recording_ids: Sequence[str], stages: Iterable[Stage], *, resume: bool = False, unless_done: bool = False
    ) -> FlowReport:
        """Take every recording through `stages`, and tell what became of each.

        What another run commits while this one runs is not computed again. With `resume`, neither is what this run's
        lineage has committed; with `unless_done`, neither is a recording that is done when its turn comes.
        A recording's failure is in the report; a SetupError, which would fail them all, is raised.
        """
        self._stages = frozenset(stages)
        self._resume = resume
        self._unless_done = unless_done
        if Stage.TRANSLATIONS in self._stages:
            self._versions = {
                language: self._tools.translator.version(SOURCE_LANGUAGE, language)
                for language in self._rules.target_languages
            }
        self._committed = (
            self._tools.store.stages_done_in(self._run_context.root_run_id)
            if resume
            else frozenset[tuple[str, Stage]]()
        )
        self._commits_before = self._tools.store.last_commits(recording_ids)
        try:
            asyncio.run(self._all(recording_ids))
        except ExceptionGroup as group:
            raise _first(group) from group
        finally:
            self._engines.close()
        return self._report

    async def _all(self, recording_ids: Iterable[str]) -> None:
        window = asyncio.Semaphore(self._rules.recordings_in_flight)
        async with asyncio.TaskGroup() as group:
            with self._batcher.producer():
                for recording_id in recording_ids:
                    place = _Place(window)
                    await place.take()
                    group.create_task(self._recording(recording_id, place))

    async def _recording(self, recording_id: str, place: "_Place") -> None:
        """Take one recording through the stages once nobody else works on it."""
        try:
            recording = self._tools.store.recording(recording_id)
            claim = await self._claim(recording, place)
        except KeyError:
            self._tell_failure(recording_id, Stage.RAW_AUDIO, _not_registered(recording_id))
        except TransientFailure as error:
            await self._fail(recording_id, Stage.RAW_AUDIO, error)
        else:
            try:
                await self._work_on(_Work(RecordingResults(recording), claim), place)
            finally:
                claim.release()
        finally:
            place.leave()

    async def _claim(self, recording: Recording, place: "_Place") -> Claim:
        """Wait until nobody else works on a recording; meanwhile its place in the window is another's."""
        look_s = CLAIM_LOOK_S
        while True:
            claim = None
            async for attempt in self._attempts():
                with attempt:
                    claim = self._tools.claims.claim(recording)
            if claim is not None:
                try:
                    await place.take()
                except BaseException:
                    claim.release()
                    raise
                return claim
            if place.leave():
                logger.info("%s waits: another run works on it", recording.recording_id)
            await asyncio.sleep(look_s)
            look_s = min(1.5 * look_s, CLAIM_LOOK_MAX_S)

    async def _work_on(self, work: "_Work", place: "_Place") -> None:
        """Take one recording through the stages; keep and tell its failure, so that it never stops the others."""
        recording, recording_id = work.results.recording, work.results.recording.recording_id
        try:
            async for attempt in self._attempts():
                with attempt:
                    self._see_what_is_there(work)
            with self._batcher.producer():
                for stage in (Stage.RAW_AUDIO, Stage.SEGMENTS, Stage.TRANSCRIPTS):
                    await self._stage(stage, work)
            place.leave()
            for stage in (Stage.TRANSLATIONS, Stage.SUBTITLES):
                await self._stage(stage, work)
        except SetupError:
            raise
        except PipelineError as error:
            source = self._tools.files.source_of(recording)
            named = error.about(recording.name) if error.subject == str(source) else error
            await self._fail(recording_id, work.stage, named)
        except Exception as error:  # a fault of ours in one recording must not lose the others' work
            logger.exception("%s stopped at %s", recording_id, work.stage)
            await self._fail(recording_id, work.stage, _internal(recording_id, error))
        else:
            self._report.done.append(recording_id)

    def _see_what_is_there(self, work: "_Work") -> None:
        """Find the stages that need not be computed, and whether what was kept of spans may be used."""
        store, recording_id = self._tools.store, work.results.recording.recording_id
        commits, before = store.last_commits([recording_id])[recording_id], self._commits_before[recording_id]
        work.there = {stage for stage, commit in commits.items() if before.get(stage) != commit}
        work.there |= {stage for stage in Stage if (recording_id, stage) in self._committed}
        if self._unless_done and store.rows([recording_id])[0].state is RecordingState.DONE:
            work.there = set(Stage)
        work.trusts_spans = self._resume or Stage.TRANSCRIPTS not in commits

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

    async def _stage(self, stage: Stage, work: "_Work") -> None:
        """Compute, commit and tell a stage that was asked for; load one that was not, where a later one needs it."""
        work.stage = stage
        if stage not in self._stages:
            if any(later.order > stage.order for later in self._stages):
                self._load(stage, work.results)
            return
        if stage in work.there:
            self._load(stage, work.results)
        else:
            work.there.clear()  # what is there of later stages was made from another result of this one
            async for attempt in self._attempts():
                with attempt:
                    await self._compute(stage, work)
        self._listener.stage_done(stage, work.results)

    async def _compute(self, stage: Stage, work: "_Work") -> None:
        """Compute one stage and commit it."""
        tools, rules, results = self._tools, self._rules, work.results
        run = replace(self._run_context, made_with=rules.made_with.get(stage, ""))
        recording, recording_id = results.recording, results.recording.recording_id
        audio_path = tools.files.audio_of(recording_id)
        results.seconds[stage] = 0.0
        match stage:
            case Stage.RAW_AUDIO:
                nominal_s = recording.size_bytes / SOURCE_BYTES_PER_S
                audio = await self._engine(
                    work, nominal_s, tools.decoder.decode, tools.files.source_of(recording), audio_path
                )
                results.audio = replace(audio, path=tools.files.relative(audio_path))
                tools.store.save_audio(recording_id, results.audio, run)
            case Stage.SEGMENTS:
                detect = partial(segment, name=recording.name, allow_silent=rules.allow_silent)
                results.segments = await self._engine(work, work.audio_s, detect, audio_path, tools.detector)
                tools.store.save_segments(recording_id, results.segments, run)
            case Stage.TRANSCRIPTS:
                segments = _made(results.segments, Stage.SEGMENTS, recording)
                spans = list(group_into_spans(recording_id, segments, target_s=rules.span_target_s))
                results.transcript = await transcribe(
                    recording_id,
                    audio_path,
                    spans,
                    tools.transcriber,
                    partial(self._recognise, work, self._kept(work, spans)),
                    spans_in_flight=rules.spans_in_flight,
                )
                tools.store.save_transcript(results.transcript, run)
            case Stage.TRANSLATIONS:
                results.translations = await self._translations(work)
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
                captions = await self._engine(work, work.audio_s, make, transcript, sets)
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

    def _kept(self, work: "_Work", spans: Sequence[Span]) -> KeptSpans:
        """Give what was kept of a recording's spans; what this run keeps itself, a second attempt may use."""
        recording, transcriber = work.results.recording, self._tools.transcriber
        made = made_with(
            recording, work.results.audio, spans, transcriber, self._rules.made_with.get(Stage.TRANSCRIPTS, "")
        )
        kept = KeptSpans(self._tools.spans, recording.recording_id, spans, made, trusted=work.trusts_spans)
        work.trusts_spans = True
        return kept

    async def _recognise(self, work: "_Work", kept: KeptSpans, audio: Path, span: Span) -> list[Utterance]:
        utterances = kept.recall(span)
        if utterances is None:
            name = f"{Stage.TRANSCRIPTS}-{span.index}"
            recognise = self._tools.transcriber.transcribe
            utterances = await self._engine(work, span.speech_s, recognise, audio, span, name=name)
            kept.keep(span, utterances)
        if span.index not in work.told_spans:  # a second attempt comes by here again
            work.told_spans.add(span.index)
            self._listener.speech_recognised(span.recording_id, span.speech_s)
        return utterances

    async def _translations(self, work: "_Work") -> list[TranslationSet]:
        """Translate together with others; alone where a process died in it before, or a batch took too long."""
        transcript = _made(work.results.transcript, Stage.TRANSCRIPTS, work.results.recording)
        claim, name = work.claim, Stage.TRANSLATIONS.value
        if not claim.is_suspect(name):
            claim.began(name)
            try:
                return await self._into_all(transcript, self._batcher)
            except EngineStuck as error:
                logger.warning("%s: %s; once more in isolation", work.results.recording.recording_id, error)
            finally:
                claim.ended(name)
        alone = partial(self._translate_batch, work=work)
        return await self._into_all(transcript, SentenceBatcher(alone, batch_sentences=self._rules.batch_sentences))

    async def _into_all(self, transcript: Transcript, batcher: SentenceBatcher) -> list[TranslationSet]:
        wanted = (translate(transcript, language, batcher, version) for language, version in self._versions.items())
        return list(await asyncio.gather(*wanted))

    async def _translate_batch(self, sentences: Sequence[str], language: str, work: "_Work | None" = None) -> list[str]:
        """Translate what the memory does not know, and let it know. `work`: in isolation, for this recording alone."""
        version, memory = self._versions[language], self._tools.memory
        known = memory.recall(sentences, SOURCE_LANGUAGE, language, version)
        unknown = [sentence for sentence in sentences if sentence not in known]
        if unknown:
            into = partial(self._tools.translator.translate, source=SOURCE_LANGUAGE, target=language)
            spoken_s = SPOKEN_WORD_S * sum(len(sentence.split()) for sentence in unknown)
            if work is None:
                translated = await self._engines.run_together(f"translation into {language}", spoken_s, into, unknown)
            else:
                call = EngineCall(Stage.TRANSLATIONS.value, work.results.recording.name, spoken_s, work.claim)
                translated, _ = await self._engines.run_alone(call, into, unknown)
            fresh = dict(zip(unknown, translated, strict=True))
            memory.remember(fresh, SOURCE_LANGUAGE, language, version)
            known |= fresh
        return [known[sentence] for sentence in sentences]

    async def _engine(
        self, work: "_Work", audio_s: float, do: Callable[..., T], *arguments: object, name: str | None = None
    ) -> T:
        """Have an engine work, and add its seconds to the stage's. `name` tells apart calls of the same stage."""
        stage, results = work.stage, work.results
        call = EngineCall(name or stage.value, results.recording.name, audio_s, work.claim)
        result, seconds = await self._engines.run(call, do, *arguments)
        results.seconds[stage] += seconds
        return result


@dataclass
class _Work:
    """A recording that is worked on: its results so far, and the stage it is in, for the report of a failure.

    `there` are stages that need not be computed; `trusts_spans` tells whether what was kept of its spans may be used.
    """

    results: RecordingResults
    claim: Claim
    stage: Stage = Stage.RAW_AUDIO
    there: set[Stage] = field(default_factory=set)
    trusts_spans: bool = False
    told_spans: set[int] = field(default_factory=set)

    @property
    def audio_s(self) -> float:
        """Length of the audio, 0 where it is not known."""
        return self.results.audio.duration_s if self.results.audio else 0.0


class _Place:
    """A recording's place in the window. It may be left and taken again, each at most once at a time."""

    def __init__(self, window: asyncio.Semaphore) -> None:
        self._window = window
        self._taken = False

    async def take(self) -> None:
        """Take a place, if it has none; wait for one."""
        if not self._taken:
            await self._window.acquire()
            self._taken = True

    def leave(self) -> bool:
        """Leave the place to others; False where it was left already."""
        if not self._taken:
            return False
        self._taken = False
        self._window.release()
        return True


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


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """Give one of the group's errors: they are one cause, met by several recordings."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
