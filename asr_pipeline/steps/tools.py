"""What a flow works with: engines, stores, and what a person may choose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import (
    AudioDecoder,
    Claims,
    Cluster,
    Files,
    Glossaries,
    RecordStore,
    SpanStore,
    SubtitleWriter,
    Transcriber,
    TranslationMemory,
    Translator,
    VoiceDetector,
)
from asr_pipeline.steps.caption import CaptionRules
from asr_pipeline.steps.engine_calls import TimeLimits


@dataclass(frozen=True)
class Tools:
    """The engines and stores that the stages work with. With a `cluster`, it recognises speech."""

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
    glossaries: Glossaries | None = None
    cluster: Cluster | None = None


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
