"""Canonical audio -> segments of speech between pauses."""

from pathlib import Path

from asr_pipeline.domain.errors import NoSpeech
from asr_pipeline.domain.segment import Segment
from asr_pipeline.ports import VoiceDetector


def segment(audio: Path, detector: VoiceDetector, *, name: str, allow_silent: bool) -> list[Segment]:
    """Give the segments of all channels in the order of time. Raises NoSpeech where there is none and must be."""
    segments = detector.detect(audio)
    if not segments and not allow_silent:
        raise NoSpeech(
            name,
            expected="speech",
            found="none between its start and its end",
            remedy="Listen to it; if it may be silent, set ASR_PIPELINE_ALLOW_SILENT=true.",
        )
    return segments
