"""Tells Dagster of each stage of each recording as it is done: a materialization and its checks."""

import hashlib
from collections.abc import Collection

import dagster as dg

from asr_pipeline.defs.checks import evaluations
from asr_pipeline.defs.event_writer import EventWriter
from asr_pipeline.defs.instance import dagster_errors
from asr_pipeline.defs.metadata import stage_metadata
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import CODE_VERSIONS, DEPENDS_ON, Stage
from asr_pipeline.ports import FlowListener

# Dagster reads these tags of a materialization to tell what is out of date; it exports no names for them.
DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_OURS_TAG = "dagster/data_version_is_user_provided"
CODE_VERSION_TAG = "dagster/code_version"
INPUT_VERSION_TAG_PREFIX = "dagster/input_data_version/"
INPUT_EVENT_TAG_PREFIX = "dagster/input_event_pointer/"


class DagsterListener:
    """Implements `ports.FlowListener`. `told` are the (recording, stage) pairs that crashed runs before have logged.

    Where Dagster's database is away or full, it says so as our own does: the flow tells again.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        writer: EventWriter,
        told: Collection[tuple[str, Stage]],
        *,
        also: FlowListener,
    ) -> None:
        self._context = context
        self._writer = writer
        self._told = told
        self._also = also

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Pass on."""
        self._also.speech_recognised(recording_id, speech_s)

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Log the materialization and the checks."""
        recording_id = results.recording.recording_id
        if (recording_id, stage) not in self._told:
            self._writer.log([materialization(stage, results), *evaluations(stage, results)])
        self._also.stage_done(stage, results)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Log the reason; the run names all failures again at its end."""
        with dagster_errors(self._context.instance):
            self._context.log.error("%s stopped at %s: %s", recording_id, stage, error)
        self._also.recording_failed(recording_id, stage, error)


def materialization(stage: Stage, results: RecordingResults) -> dg.AssetMaterialization:
    """Give what Dagster keeps of a stage's result."""
    return dg.AssetMaterialization(
        asset_key=stage.value,
        partition=results.recording.recording_id,
        metadata=stage_metadata(stage, results),
        tags=provenance(stage, results),
    )


def provenance(stage: Stage, results: RecordingResults) -> dict[str, str]:
    """Give the tags that say which version a result is, and from which versions of its inputs it was made."""
    tags = {
        DATA_VERSION_TAG: data_version(stage, results),
        DATA_VERSION_IS_OURS_TAG: "true",
        CODE_VERSION_TAG: CODE_VERSIONS[stage],
    }
    for dependency in DEPENDS_ON[stage]:
        tags[f"{INPUT_VERSION_TAG_PREFIX}{dependency}"] = data_version(dependency, results)
        tags[f"{INPUT_EVENT_TAG_PREFIX}{dependency}"] = "NULL"  # Dagster's word for: not known
    return tags


def data_version(stage: Stage, results: RecordingResults) -> str:
    """Give a hash of what determines a stage's result: the source's bytes, our code, the engines and their settings."""
    parts = [results.recording.sha256, *(f"{s}={CODE_VERSIONS[s]}" for s in Stage if s.order <= stage.order)]
    if results.audio:
        parts.append(f"channels={results.audio.canonical_channels}")
    if stage.order >= Stage.SEGMENTS.order and results.segments is not None:
        parts += [f"{s.channel}:{s.start_s:.3f}-{s.end_s:.3f}" for s in results.segments]
    if stage.order >= Stage.TRANSCRIPTS.order and (transcript := results.transcript):
        parts += [transcript.engine, transcript.model, transcript.model_version, str(transcript.chunk_bytes)]
    if stage.order >= Stage.TRANSLATIONS.order and results.translations is not None:
        parts += [f"{s.language}:{s.engine}:{s.model}:{s.model_version}" for s in results.translations]
        parts += [f"{s.language}:glossary={s.glossary}" for s in results.translations if s.glossary]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
