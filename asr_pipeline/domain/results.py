"""What is known of one recording while it flows through the stages."""

from dataclasses import dataclass, field

from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.subtitle import SubtitleFile
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import TranslationSet


@dataclass(slots=True)
class RecordingResults:
    """Results of the stages so far; None where a stage has none yet. `seconds` is the time each took in its engine."""

    recording: Recording
    audio: AudioInfo | None = None
    segments: list[Segment] | None = None
    transcript: Transcript | None = None
    translations: list[TranslationSet] | None = None
    subtitles: list[SubtitleFile] | None = None
    cue_faults: list[str] | None = None  # where subtitles break the rules; known only where they were just made
    missing_terms: list[str] | None = None  # of the glossary; known only where translations were just made
    seconds: dict[Stage, float] = field(default_factory=dict)
