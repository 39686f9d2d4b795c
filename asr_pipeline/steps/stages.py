"""One stage of one recording: computed and committed, or loaded."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from asr_pipeline.domain.corrections import Correction, corrected_sets, corrected_transcript, texts_in
from asr_pipeline.domain.errors import EngineStuck, UnreadableAudio, UpstreamMissing
from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary, missing_terms
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.segment import Span, group_into_spans
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, TranslationSet
from asr_pipeline.ports import EngineVersion, FlowListener, RunContext
from asr_pipeline.steps.caption import caption
from asr_pipeline.steps.engine_calls import EngineCall, EngineCalls
from asr_pipeline.steps.kept_spans import KeptSpans, made_with
from asr_pipeline.steps.patience import attempts
from asr_pipeline.steps.recognition import Recognise, Recognition
from asr_pipeline.steps.segment import segment
from asr_pipeline.steps.tools import FlowRules, Tools
from asr_pipeline.steps.transcribe import transcribe
from asr_pipeline.steps.translate import SentenceBatcher, translate, translate_unknown
from asr_pipeline.steps.work import Work

T = TypeVar("T")
logger = logging.getLogger(__name__)

# What a source's length is taken for before it is decoded, and a sentence's before anyone has said it: for time limits.
SOURCE_BYTES_PER_S = 64_000
SPOKEN_WORD_S = 0.4


class Stages:
    """Computes the stages of a flow's recordings. Close it at the end."""

    def __init__(
        self, tools: Tools, rules: FlowRules, executor: Executor, listener: FlowListener, run: RunContext
    ) -> None:
        self._tools = tools
        self._rules = rules
        self._listener = listener
        self._run_context = run
        self._engines = EngineCalls(executor, rules.time_limits, attempts=rules.attempts)
        self._recognition = Recognition(tools, rules, self._engines)
        self._versions: dict[str, EngineVersion] = {}
        self._glossaries: dict[str, Glossary] = {}
        self._uncharged_s: dict[tuple[str, str], float] = {}  # engine time by language and sentence
        self.batcher = SentenceBatcher(self._translate_batch, batch_sentences=rules.batch_sentences)

    def find_translators(self) -> None:
        """Look up what translates into each language, and by which glossary. Raises ModelMissing."""
        self._versions = {
            language: self._tools.translator.version(SOURCE_LANGUAGE, language)
            for language in self._rules.target_languages
        }
        glossaries = self._tools.glossaries
        self._glossaries = {
            language: glossaries.glossary(SOURCE_LANGUAGE, language) if glossaries else NO_GLOSSARY
            for language in self._versions
        }

    def close(self) -> None:
        """End what engines still do in isolation."""
        self._engines.close()

    async def compute(self, stage: Stage, work: Work) -> None:
        """Compute one stage and commit it."""
        tools, rules, results = self._tools, self._rules, work.results
        run = replace(self._run_context, made_with=rules.made_with.get(stage, ""))
        recording, recording_id = results.recording, results.recording.recording_id
        audio_path = tools.files.audio_of(recording_id)
        results.seconds[stage] = 0.0
        match stage:
            case Stage.RAW_AUDIO:
                nominal_s = recording.size_bytes / SOURCE_BYTES_PER_S
                source = tools.files.source_of(recording)
                try:
                    audio = await self._engine(work, nominal_s, tools.decoder.decode, source, audio_path)
                except UnreadableAudio as error:
                    if source.exists() or tools.store.audio(recording_id) is None:
                        raise
                    raise _original_removed(recording) from error
                results.audio = replace(audio, path=tools.files.relative(audio_path))
                await self._commit(partial(tools.store.save_audio, recording_id, results.audio, run))
            case Stage.SEGMENTS:
                detect = partial(segment, name=recording.name, allow_silent=rules.allow_silent)
                results.segments = await self._engine(work, work.audio_s, detect, audio_path, tools.detector)
                await self._commit(partial(tools.store.save_segments, recording_id, results.segments, run))
            case Stage.TRANSCRIPTS:
                segments = _made(results.segments, Stage.SEGMENTS, recording)
                spans = list(group_into_spans(recording_id, segments, target_s=rules.span_target_s))
                async with self._recognition.of(recording, audio_path, spans) as recogniser:
                    results.transcript = await transcribe(
                        recording_id,
                        audio_path,
                        spans,
                        tools.transcriber,
                        partial(self._recognise, work, self._kept(work, spans), recogniser),
                        spans_in_flight=self._recognition.spans_in_flight,
                    )
                await self._commit(partial(tools.store.save_transcript, results.transcript, run))
                spoken, _ = texts_in(await self._corrections(recording_id))
                results.transcript = corrected_transcript(results.transcript, spoken)
            case Stage.TRANSLATIONS:
                results.translations = await self._translations(work)
                transcript = _made(results.transcript, Stage.TRANSCRIPTS, recording)
                results.seconds[stage] = self._charged_s(transcript)
                results.missing_terms = missing_terms(self._glossaries, transcript, results.translations)
                await self._commit(partial(tools.store.save_translations, results.translations, run))
                _, translated = texts_in(await self._corrections(recording_id))
                results.translations = corrected_sets(results.translations, translated)
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
                await self._commit_subtitles(recording_id, results.subtitles, run)

    async def _commit_subtitles(self, recording_id: str, files: Sequence[SubtitleFile], run: RunContext) -> None:
        """Commit subtitles, then remove files of languages not wanted any more: what is left, `verify` names."""
        store, before = self._tools.store, set[tuple[str, str]]()

        def save() -> None:
            before.update((file.language, file.format) for file in store.subtitles(recording_id))
            store.save_subtitles(recording_id, files, run)

        await self._commit(save)
        for language, file_format in sorted(before - {(file.language, file.format) for file in files}):
            path = self._tools.files.subtitle_of(recording_id, language, SubtitleFormat(file_format))
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                logger.warning("%s is not wanted any more, and could not be removed: %s", path, error)

    async def _commit(self, save: Callable[[], None]) -> None:
        """Save a result; a database that is away is waited for, so that nothing is computed twice for it."""
        async for attempt in attempts(self._rules):
            with attempt:
                save()

    async def _corrections(self, recording_id: str) -> list[Correction]:
        """Give what people have corrected: what is made from a text is made from theirs."""
        found: list[Correction] = []
        async for attempt in attempts(self._rules):
            with attempt:
                found = self._tools.store.corrections(recording_id)
        return found

    def load(self, stage: Stage, results: RecordingResults) -> None:
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

    def _kept(self, work: Work, spans: Sequence[Span]) -> KeptSpans:
        """Give what was kept of a recording's spans; what this run keeps itself, a second attempt may use."""
        recording, transcriber = work.results.recording, self._tools.transcriber
        made = made_with(
            recording, work.results.audio, spans, transcriber, self._rules.made_with.get(Stage.TRANSCRIPTS, "")
        )
        kept = KeptSpans(self._tools.spans, recording.recording_id, spans, made, trusted=work.trusts_spans)
        work.trusts_spans = True
        return kept

    async def _recognise(
        self, work: Work, kept: KeptSpans, recognise: Recognise, audio: Path, span: Span
    ) -> list[Utterance]:
        utterances = kept.recall(span)
        if utterances is None:
            call = EngineCall(
                f"{Stage.TRANSCRIPTS}-{span.index}", work.results.recording.name, span.speech_s, work.claim
            )
            utterances, seconds = await recognise(call, audio, span)
            work.results.seconds[Stage.TRANSCRIPTS] += seconds
            kept.keep(span, utterances)
        if span.index not in work.told_spans:  # a second attempt comes by here again
            work.told_spans.add(span.index)
            self._listener.speech_recognised(span.recording_id, span.speech_s)
        return utterances

    async def _translations(self, work: Work) -> list[TranslationSet]:
        """Translate together with others; alone where a process died in it before, or a batch took too long."""
        transcript = _made(work.results.transcript, Stage.TRANSCRIPTS, work.results.recording)
        claim, name = work.claim, Stage.TRANSLATIONS.value
        if not claim.is_suspect(name):
            claim.began(name)
            try:
                return await self._into_all(transcript, self.batcher)
            except EngineStuck as error:
                logger.warning("%s: %s; once more in isolation", work.results.recording.recording_id, error)
            finally:
                claim.ended(name)
        alone = partial(self._translate_batch, work=work)
        return await self._into_all(transcript, SentenceBatcher(alone, batch_sentences=self._rules.batch_sentences))

    async def _into_all(self, transcript: Transcript, batcher: SentenceBatcher) -> list[TranslationSet]:
        wanted = (
            translate(transcript, language, batcher, version, self._glossaries[language])
            for language, version in self._versions.items()
        )
        return list(await asyncio.gather(*wanted))

    async def _translate_batch(self, sentences: Sequence[str], language: str, work: Work | None = None) -> list[str]:
        """Translate what the memory does not know, and let it know. `work`: in isolation, for this recording alone."""

        async def translate_now(unknown: Sequence[str], glossary: Glossary | None) -> list[str]:
            into = partial(self._tools.translator.translate, source=SOURCE_LANGUAGE, target=language, glossary=glossary)
            spoken_s = SPOKEN_WORD_S * sum(len(sentence.split()) for sentence in unknown)
            if work is None:
                made = self._engines.run_together(f"translation into {language}", spoken_s, into, unknown)
            else:
                call = EngineCall(Stage.TRANSLATIONS.value, work.results.recording.name, spoken_s, work.claim)
                made = self._engines.run_alone(call, into, unknown)
            texts, seconds = await made
            self._uncharged_s |= {(language, sentence): seconds / len(unknown) for sentence in unknown}
            return texts

        return await translate_unknown(
            sentences,
            language,
            self._tools.memory,
            translate_now,
            version=self._versions[language],
            glossary=self._glossaries[language],
        )

    def _charged_s(self, transcript: Transcript) -> float:
        """Give the engine time of a transcript's sentences, once: of several recordings' the first has it."""
        sentences = {utterance.sentence for utterance in transcript.utterances}
        return sum(self._uncharged_s.pop((into, one), 0.0) for into in self._versions for one in sentences)

    async def _engine(self, work: Work, audio_s: float, do: Callable[..., T], *arguments: object) -> T:
        """Have an engine work, and add its seconds to the stage's."""
        stage, results = work.stage, work.results
        call = EngineCall(stage.value, results.recording.name, audio_s, work.claim)
        result, seconds = await self._engines.run(call, do, *arguments)
        results.seconds[stage] += seconds
        return result


def _original_removed(recording: Recording) -> UpstreamMissing:
    return UpstreamMissing(
        recording.name,
        expected="its original, to make canonical audio from",
        found="none any more: it was removed, as ASR_PIPELINE_KEEP_ORIGINALS_DAYS asks for",
        remedy="Materialize the stages after raw_audio, whose result is kept; or offer the file again.",
    )


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
