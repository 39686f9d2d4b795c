"""Settings -> engines and stores: the product, put together."""

import contextlib
import resource
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

from stamina.instrumentation import LoggingOnRetryHook, set_on_retry_hooks

from asr_pipeline import __version__
from asr_pipeline.domain.arrival import Way
from asr_pipeline.domain.errors import PipelineError, TransientFailure
from asr_pipeline.domain.observing import traced_by
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.redo import Redo
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.tally import Tally
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.engines.argos import ArgosTranslator
from asr_pipeline.engines.audio import FFmpegDecoder
from asr_pipeline.engines.live_recognizer import VoskLive
from asr_pipeline.engines.open_telemetry import OpenTelemetryTracer
from asr_pipeline.engines.phrase_list import read_phrases
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.engines.subtitle_files import SubtitleFileWriter
from asr_pipeline.engines.voice_activity import WebRtcDetector
from asr_pipeline.ports import FlowListener, LiveTranscriber, RunContext
from asr_pipeline.settings import Settings
from asr_pipeline.steps.caption import CaptionRules
from asr_pipeline.steps.engine_calls import TimeLimits
from asr_pipeline.steps.flow import Flow, FlowRules, Tools
from asr_pipeline.steps.made_with import made_with
from asr_pipeline.steps.notes import NoteFlow, NoteListener
from asr_pipeline.steps.quarantine import QuarantineListener
from asr_pipeline.steps.tallying import CountedMemory, TallyListener
from asr_pipeline.steps.threads import DaemonThreads
from asr_pipeline.storage.atomic import write_text
from asr_pipeline.storage.claims import RecordingClaims, claims_for
from asr_pipeline.storage.glossary import SqlGlossary, recordings_with_changed_glossary
from asr_pipeline.storage.importing import Importer, Keeping
from asr_pipeline.storage.marks import sweep_marked
from asr_pipeline.storage.memory import SqlTranslationMemory
from asr_pipeline.storage.models import ModelStore, starter_dir
from asr_pipeline.storage.receiving import Incoming, receiving
from asr_pipeline.storage.spans import SqlSpanStore
from asr_pipeline.storage.staleness import stale
from asr_pipeline.storage.tallies import SqlTallies
from asr_pipeline.wiring.cluster import SpanCluster, build_cluster
from asr_pipeline.wiring.registering import register_all
from asr_pipeline.wiring.storage import Storage, build_storage

SPANS_IN_FLIGHT_PER_WORKER = 2  # enough to keep a worker busy; few enough that short recordings get their turn


@dataclass(frozen=True)
class Pipeline(Storage):
    """The product, put together: register files, and take recordings through the flow."""

    claims: RecordingClaims
    tools: Tools
    rules: FlowRules
    executor: Executor
    tallies: SqlTallies
    live: Callable[..., LiveTranscriber]  # of `sample_rate_hz`
    tracing: ExitStack
    cluster: SpanCluster | None

    def register(self, file: Path, way: Way = Way.PROCESS) -> Recording:
        """Store a file's bytes and register it; bytes that are known give the recording they are.

        Raises UnreadableAudio, LimitExceeded, StorageFull, TransientFailure, StoreUnavailable.
        """
        (found,) = register_all(self, [file], way)
        if isinstance(found, PipelineError):
            raise found
        return found

    def receiving(self) -> AbstractContextManager[Incoming]:
        """Give what to write an upload to as it comes; what was not registered by the end is gone."""
        return receiving(self.layout, self.upload_max_bytes)

    @property
    def upload_max_bytes(self) -> int:
        """Bytes that an uploaded file may have."""
        return min(self.settings.upload_max_bytes, self.settings.max_size_bytes)

    def importer(self, keeping: Keeping) -> Importer:
        """Make what registers an archive."""
        return Importer(self.layout, self.database, keeping, self.settings.max_size_bytes, self.settings.workers)

    def flow(self, listener: FlowListener, run: RunContext) -> Flow:
        """Make a flow for one run; what it can't process is put into quarantine."""
        counted = TallyListener(self.tallies, also=listener)
        keeper = QuarantineListener(self.store, self.quarantine, also=counted)
        return Flow(self.tools, replace(self.rules, made_with=self.made_with()), self.executor, keeper, run)

    def note_flow(self, listener: NoteListener, run_id: str) -> NoteFlow:
        """Make what translates notes in one run."""
        return NoteFlow(self.tools, self.rules, self.executor, self.note_work, listener, run_id=run_id)

    def note_run_ended(self) -> None:
        """Keep what was counted since the last time, and the most memory that this process has had."""
        self.tallies.put(Tally.RUN_PEAK_BYTES, peak_memory_bytes())
        self.tallies.keep()

    def stale(self) -> list[Redo]:
        """Find what would come out differently today. Raises ModelMissing."""
        return stale(self.database, self.made_with(), self._glossary_changed)

    def _glossary_changed(self) -> Mapping[str, str]:
        return {
            recording_id: f"the glossary for {language} has changed"
            for language in self.rules.target_languages
            for recording_id in recordings_with_changed_glossary(self.database, SOURCE_LANGUAGE, language)
        }

    def made_with(self) -> Mapping[Stage, str]:
        """Say what each stage is made with today. Reads the models' bytes once a process. Raises ModelMissing."""
        return made_with(
            self.tools,
            self.rules,
            audio=f"channels {self.settings.channels}",
            detection=f"webrtc aggressiveness {self.settings.vad_aggressiveness}; "
            f"pause {self.settings.min_pause_ms} ms; padding {self.settings.speech_pad_ms} ms; "
            f"segment {self.settings.max_segment_s:g} s",
        )

    def preload(self) -> None:
        """Load both models now; where a cluster recognises, have its workers load theirs. Raises ModelMissing.

        A cluster that is away is no error yet: recordings fail for now, and are tried again.
        """
        if self.cluster is None:
            self.tools.transcriber.preload()
        else:
            with contextlib.suppress(TransientFailure):
                self.cluster.connect()
        for language in self.rules.target_languages:
            self.tools.translator.preload(SOURCE_LANGUAGE, language)

    def close(self) -> None:
        """Stop the threads, leave the cluster, give claims back and close the database's connections."""
        self.executor.shutdown(cancel_futures=True)
        self.tallies.keep()
        if self.cluster is not None:
            self.cluster.close()
        self.claims.close()
        self.tracing.close()
        super().close()


def build_pipeline(settings: Settings) -> Pipeline:
    """Put everything together; no model is loaded yet. Raises SetupError where something is missing."""
    set_on_retry_hooks([LoggingOnRetryHook])  # stamina's own way would print on standard output
    storage = build_storage(settings)
    try:
        return _with_engines(storage)
    except BaseException:
        storage.close()
        raise


def _with_engines(storage: Storage) -> Pipeline:
    settings, layout, database = storage.settings, storage.layout, storage.database
    sweep_marked(layout)
    claims = claims_for(database, layout)
    tallies = SqlTallies(database)
    models = ModelStore(layout.models, starter_dir())
    vosk_model = models.resolve_vosk(settings.vosk_model)
    phrases = read_phrases(settings.recognizer_phrases, vosk_model) if settings.recognizer_phrases else ()
    transcriber = VoskTranscriber(vosk_model, settings.recognizer_chunk_bytes, phrases)
    cluster = build_cluster(settings, transcriber)
    tools = Tools(
        decoder=FFmpegDecoder(
            channel_mode=settings.channels,
            max_duration_s=settings.max_duration_s,
            max_size_bytes=settings.max_size_bytes,
        ),
        detector=WebRtcDetector(
            aggressiveness=settings.vad_aggressiveness,
            min_pause_ms=settings.min_pause_ms,
            padding_ms=settings.speech_pad_ms,
            max_segment_s=settings.max_segment_s,
        ),
        transcriber=transcriber,
        translator=ArgosTranslator(
            packages=tuple(models.resolve_translation_packages(settings.argos_packages)),
            beam_size=settings.beam_size,
            batch_tokens=settings.translation_batch_tokens,
            threads=settings.workers,
        ),
        subtitle_writer=SubtitleFileWriter(write_text),
        store=storage.store,
        memory=CountedMemory(SqlTranslationMemory(database), tallies),
        files=layout,
        glossaries=SqlGlossary(database),
        claims=claims,
        spans=SqlSpanStore(database),
        cluster=cluster,
    )
    return Pipeline(
        **{field.name: getattr(storage, field.name) for field in fields(storage)},
        claims=claims,
        tools=tools,
        rules=_rules(settings),
        executor=DaemonThreads(settings.workers, "engine"),
        tallies=tallies,
        live=partial(VoskLive, vosk_model, phrases),
        tracing=_tracing(settings.traces_endpoint),
        cluster=cluster,
    )


@contextmanager
def open_pipeline(settings: Settings) -> Iterator[Pipeline]:
    """Put everything together, and close it at the end."""
    pipeline = build_pipeline(settings)
    try:
        yield pipeline
    finally:
        pipeline.close()


def _tracing(endpoint: str | None) -> ExitStack:
    """Have this process traced until what is given is closed. Raises SettingInvalid where the extra is missing."""
    tracing = ExitStack()
    if endpoint is not None:
        tracer = OpenTelemetryTracer(endpoint, __version__)
        tracing.callback(tracer.close)
        tracing.enter_context(traced_by(tracer))
    return tracing


def peak_memory_bytes() -> int:
    """Give the most resident memory that this process has had, or one that it has waited for."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def _rules(settings: Settings) -> FlowRules:
    return FlowRules(
        target_languages=settings.target_languages,
        caption_rules=CaptionRules(
            max_line_chars=settings.subtitle_line_chars,
            max_lines=settings.subtitle_lines,
            max_chars_per_s=settings.subtitle_chars_per_s,
            persian_digits=settings.persian_digits,
        ),
        allow_silent=settings.allow_silent,
        span_target_s=settings.span_target_s,
        recordings_in_flight=settings.recordings_in_flight,
        spans_in_flight=settings.workers * SPANS_IN_FLIGHT_PER_WORKER,
        batch_sentences=settings.translation_batch_sentences,
        attempts=settings.attempts,
        time_limits=TimeLimits(settings.max_real_time_factor),
    )
