"""What a person sees on each materialization."""

import base64
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import dagster as dg

from asr_pipeline.domain.bidi import is_right_to_left, isolate
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import TranslationSet
from asr_pipeline.engines.pictures import confidence_histogram_png, waveform_png

PREVIEW_LINES = 5
NO_BREAK_SPACE = "\u00a0"
Metadata = dict[str, dg.MetadataValue]


def stage_metadata(stage: Stage, results: RecordingResults) -> Metadata:
    """Describe a stage's result, with pictures and the first lines of text."""
    match stage:
        case Stage.RAW_AUDIO:
            return _audio(results)
        case Stage.SEGMENTS:
            return _segments(results)
        case Stage.TRANSCRIPTS:
            return _transcript(results)
        case Stage.TRANSLATIONS:
            return _translations(results)
        case Stage.SUBTITLES:
            return _subtitles(results)


def _audio(results: RecordingResults) -> Metadata:
    audio = results.audio
    if audio is None:
        return {}
    return {
        "waveform": picture("waveform", waveform_png(audio.waveform)),
        "name": dg.MetadataValue.text(results.recording.name),
        "duration_s": dg.MetadataValue.float(round(audio.duration_s, 3)),
        "format": dg.MetadataValue.text(f"{audio.container} / {audio.codec}"),
        "sample_rate_hz": dg.MetadataValue.int(audio.sample_rate_hz),
        "channels": dg.MetadataValue.int(audio.channels),
        "peak_dbfs": dg.MetadataValue.float(round(audio.peak_dbfs, 2)),
        "rms_dbfs": dg.MetadataValue.float(round(audio.rms_dbfs, 2)),
        "clipped_samples": dg.MetadataValue.int(audio.clipped_samples),
        "size_bytes": dg.MetadataValue.int(results.recording.size_bytes),
        "sha256": dg.MetadataValue.text(results.recording.sha256),
        "path": dg.MetadataValue.path(audio.path),
    }


def _segments(results: RecordingResults) -> Metadata:
    segments = results.segments or []
    speech_s = sum(segment.duration_s for segment in segments)
    described: Metadata = {
        "segments": dg.MetadataValue.int(len(segments)),
        "speech_s": dg.MetadataValue.float(round(speech_s, 2)),
        "longest_s": dg.MetadataValue.float(round(max((s.duration_s for s in segments), default=0.0), 2)),
    }
    if results.audio is not None and results.audio.duration_s:
        audio_s = results.audio.duration_s * results.audio.canonical_channels
        described["speech_share"] = dg.MetadataValue.float(round(speech_s / audio_s, 3))
    return described


def _transcript(results: RecordingResults) -> Metadata:
    transcript = results.transcript
    if transcript is None:
        return {}
    confidences = [word.confidence for utterance in transcript.utterances for word in utterance.words]
    described: Metadata = {
        "preview": dg.MetadataValue.md(_preview(transcript, ())),
        "words": dg.MetadataValue.int(transcript.word_count),
        "utterances": dg.MetadataValue.int(len(transcript.utterances)),
        "model": dg.MetadataValue.text(f"{transcript.engine}: {transcript.model} {transcript.model_version}"),
    }
    if transcript.mean_confidence is not None:
        described["mean_confidence"] = dg.MetadataValue.float(round(transcript.mean_confidence, 3))
        described["confidence_histogram"] = picture("confidence", confidence_histogram_png(confidences))
    seconds = results.seconds.get(Stage.TRANSCRIPTS)
    if seconds and results.audio is not None and results.audio.duration_s:
        described["real_time_factor"] = dg.MetadataValue.float(round(seconds / results.audio.duration_s, 4))
    return described


def _translations(results: RecordingResults) -> Metadata:
    transcript, sets = results.transcript, results.translations
    if transcript is None or sets is None:
        return {}
    return {
        "preview": dg.MetadataValue.md(_preview(transcript, sets)),
        "sentences": dg.MetadataValue.int(sum(len(translated.translations) for translated in sets)),
        "languages": dg.MetadataValue.text(", ".join(translated.language for translated in sets)),
        "model": dg.MetadataValue.text("; ".join(f"{s.engine}: {s.model} {s.model_version}" for s in sets)),
    }


def _subtitles(results: RecordingResults) -> Metadata:
    files = results.subtitles or []
    formats: dict[str, list[str]] = {}
    for file in files:
        formats.setdefault(file.language, []).append(file.format)
    rows = "\n".join(f"| {language} | {', '.join(found)} |" for language, found in formats.items())
    return {
        "files": dg.MetadataValue.md(f"| language | formats |\n|---|---|\n{rows}"),
        "folder": dg.MetadataValue.path(str(Path(files[0].path).parent) if files else ""),
        "cues": dg.MetadataValue.int(max((file.cue_count for file in files), default=0)),
    }


def _preview(transcript: Transcript, sets: Sequence[TranslationSet]) -> str:
    """Make a table of the first lines, English beside each language, right-to-left text isolated."""
    rows = [
        [utterance.sentence, *(s.translations[utterance.index].text for s in sets)]
        for utterance in islice(transcript.utterances, PREVIEW_LINES)
    ]
    times = [f"{utterance.start_s:.1f}{NO_BREAK_SPACE}s" for utterance in transcript.utterances[:PREVIEW_LINES]]
    return side_by_side(["en", *(s.language for s in sets)], rows, times) if rows else "*(no words)*"


def side_by_side(languages: Sequence[str], rows: Sequence[Sequence[str]], times: Sequence[str] = ()) -> str:
    """Make a table of lines in several languages, right-to-left text isolated and on its own side."""
    sides = ["---:" if is_right_to_left(language) else "---" for language in languages]
    lines = [[isolate(text, language) for text, language in zip(row, languages, strict=True)] for row in rows]
    table = [list(languages), sides, *lines]
    if times:
        table = [[first, *row] for first, row in zip(["time", "---:", *times], table, strict=True)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table)


def picture(label: str, png: bytes) -> dg.MetadataValue:
    """Give a picture that the UI shows in place."""
    return dg.MetadataValue.md(f"![{label}](data:image/png;base64,{base64.b64encode(png).decode()})")
