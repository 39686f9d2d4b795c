"""Asset checks: each holds a stage's result against a rule of `domain.quality`. A check that fails stops nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg

from asr_pipeline.domain import quality
from asr_pipeline.domain.quality import Finding
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage

ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN


@dataclass(frozen=True)
class Check:
    """A check of a stage. `judge` gives None where there is nothing to judge."""

    stage: Stage
    name: str
    description: str
    severity: dg.AssetCheckSeverity
    judge: Callable[[RecordingResults], Finding | None]

    @property
    def spec(self) -> dg.AssetCheckSpec:
        """What the catalogue shows."""
        return dg.AssetCheckSpec(self.name, asset=self.stage.value, description=self.description)


CHECKS = [
    Check(
        Stage.RAW_AUDIO,
        "not_silent",
        f"The loudest sample is above {quality.SILENT_BELOW_DBFS:.0f} dBFS.",
        WARN,
        lambda r: quality.not_silent(r.audio) if r.audio else None,
    ),
    Check(
        Stage.RAW_AUDIO,
        "not_clipped",
        f"At most {quality.CLIPPED_SHARE:.1%} of the samples are at full scale.",
        WARN,
        lambda r: quality.not_clipped(r.audio) if r.audio else None,
    ),
    Check(
        Stage.SEGMENTS,
        "in_order",
        "Segments of a channel follow one another, inside the recording.",
        ERROR,
        lambda r: (
            None if r.segments is None or not r.audio else quality.segments_in_order(r.segments, r.audio.duration_s)
        ),
    ),
    Check(
        Stage.TRANSCRIPTS,
        "not_empty",
        "There are words where there is speech.",
        WARN,
        lambda r: quality.not_empty(r.transcript, r.segments or ()) if r.transcript else None,
    ),
    Check(
        Stage.TRANSCRIPTS,
        "confident",
        f"The mean confidence of the words is {quality.LOW_CONFIDENCE} or more.",
        WARN,
        lambda r: quality.confident(r.transcript) if r.transcript else None,
    ),
    Check(
        Stage.TRANSCRIPTS,
        "times_in_order",
        "Times rise, and lie inside the recording.",
        ERROR,
        lambda r: quality.times_in_order(r.transcript, r.audio.duration_s) if r.transcript and r.audio else None,
    ),
    Check(
        Stage.TRANSLATIONS,
        "one_to_each",
        "Each utterance has one translation in each language.",
        ERROR,
        lambda r: (
            None
            if r.transcript is None or r.translations is None
            else quality.one_to_each(r.transcript, r.translations)
        ),
    ),
    Check(
        Stage.TRANSLATIONS,
        "persian_script",
        f"At least {quality.MIN_PERSIAN_SHARE:.0%} of the letters of Persian translations are Persian.",
        WARN,
        lambda r: quality.persian_script(r.translations) if r.translations is not None else None,
    ),
    Check(
        Stage.TRANSLATIONS,
        "glossary_used",
        "Translations use the terms of the glossary; where a term could not be put with confidence, they are plain.",
        WARN,
        lambda r: quality.glossary_used(r.missing_terms) if r.missing_terms is not None else None,
    ),
    Check(
        Stage.SUBTITLES,
        "in_limits",
        "Cues keep to the rules of lines, length, reading speed and order; speech may be too fast for that.",
        WARN,
        lambda r: quality.subtitles_in_limits(r.cue_faults) if r.cue_faults is not None else None,
    ),
]


def evaluations(stage: Stage, results: RecordingResults) -> Iterator[dg.AssetCheckEvaluation]:
    """Judge a stage's result by all of its checks."""
    for check in CHECKS:
        if check.stage is stage and (finding := check.judge(results)) is not None:
            yield dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(stage.value),
                check_name=check.name,
                passed=finding.passed,
                severity=check.severity,
                description=finding.measured,
                partition=results.recording.recording_id,
            )
