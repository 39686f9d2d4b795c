"""What the catalogue says of each asset: description, kinds, owners, columns, code version. No behaviour."""

import dagster as dg

from asr_pipeline.defs.partitions import recordings
from asr_pipeline.domain.stage import CODE_VERSIONS, DEPENDS_ON, Stage

GROUP = "speech"
OWNERS = ["team:speech"]


def _columns(**descriptions: str) -> dict[str, dg.TableSchema]:
    """Give the schema of the main table as an export has it, from each type and meaning, separated by a comma."""
    columns = [
        dg.TableColumn(name, type=kind, description=meaning.strip())
        for name, (kind, meaning) in ((name, text.split(",", 1)) for name, text in descriptions.items())
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def _spec(
    stage: Stage,
    description: str,
    *,
    kinds: set[str],
    table: str,
    version: str,
    columns: dict[str, str],
) -> dg.AssetSpec:
    return dg.AssetSpec(
        stage.value,
        deps=[dep.value for dep in DEPENDS_ON[stage]],
        description=description,
        group_name=GROUP,
        kinds=kinds,
        owners=OWNERS,
        code_version=version,
        metadata={"dagster/table_name": table, **_columns(**columns)},
        partitions_def=recordings,
        skippable=True,
    )


SPECS = [
    _spec(
        Stage.RAW_AUDIO,
        "The recording as canonical audio: 16 kHz, 16 bit FLAC, channels mixed or kept apart, and what was measured "
        "on the way (duration, format, level, clipping, waveform).",
        kinds={"ffmpeg", "flac"},
        table="audio",
        version=CODE_VERSIONS[Stage.RAW_AUDIO],
        columns={
            "recording_id": "text, the recording; also the partition key",
            "duration_s": "float, length in seconds",
            "codec": "text, codec of the source",
            "sample_rate_hz": "int, sample rate of the source",
            "channels": "int, channels of the source",
            "peak_dbfs": "float, loudest sample",
            "rms_dbfs": "float, mean level",
            "clipped_samples": "int, samples at full scale",
        },
    ),
    _spec(
        Stage.SEGMENTS,
        "Spans of speech between pauses, from voice activity; no audio is copied for them.",
        kinds={"webrtc", "sql"},
        table="segments",
        version=CODE_VERSIONS[Stage.SEGMENTS],
        columns={
            "recording_id": "text, the recording",
            "segment_index": "int, place in the order of time",
            "channel": "int, channel of the canonical audio",
            "start_s": "float, start in the recording",
            "end_s": "float, end in the recording",
        },
    ),
    _spec(
        Stage.TRANSCRIPTS,
        "Words with start, end and confidence, in utterances, in the order of time; recognised by Vosk.",
        kinds={"vosk", "sql"},
        table="words",
        version=CODE_VERSIONS[Stage.TRANSCRIPTS],
        columns={
            "recording_id": "text, the recording",
            "utterance_index": "int, the utterance",
            "word_index": "int, place in the utterance",
            "text": "text, the word",
            "start_s": "float, start in the recording",
            "end_s": "float, end in the recording",
            "confidence": "float, 0 to 1",
        },
    ),
    _spec(
        Stage.TRANSLATIONS,
        "One sentence to each utterance, Persian by default; translated by Argos Translate's models on CTranslate2.",
        kinds={"argos", "ctranslate2", "sql"},
        table="translations",
        version=CODE_VERSIONS[Stage.TRANSLATIONS],
        columns={
            "recording_id": "text, the recording",
            "language": "text, ISO code",
            "utterance_index": "int, the utterance that it translates",
            "text": "text, the sentence",
        },
    ),
    _spec(
        Stage.SUBTITLES,
        "SRT, WebVTT and TTML files: English, translated, and both at once.",
        kinds={"srt", "webvtt", "ttml"},
        table="subtitles",
        version=CODE_VERSIONS[Stage.SUBTITLES],
        columns={
            "recording_id": "text, the recording",
            "language": "text, ISO code or bilingual",
            "format": "text, srt vtt or ttml",
            "path": "text, file under the data folder",
            "cue_count": "int, cues in the file",
        },
    ),
]
