"""A recording's transcript and translations as a JSON document and as plain text. docs/database.md has the schema."""

from typing import Any

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.transcript import Transcript, Utterance
from asr_pipeline.domain.translation import SOURCE_LANGUAGE
from asr_pipeline.ports import RecordStore
from asr_pipeline.storage.text import storable


def transcript_json(store: RecordStore, recording_id: str) -> dict[str, Any]:
    """Give all that was recognised and translated, ready for `json.dumps(…, ensure_ascii=False)`.

    Raises KeyError where there is no such recording, TransientFailure where it has no transcript yet.
    """
    recording = store.recording(recording_id)
    transcript = _transcript(store, recording_id)
    audio = store.audio(recording_id)
    sets = store.translations(recording_id)
    text_of = {(one.language, each.utterance_index): each.text for one in sets for each in one.translations}
    languages = [one.language for one in sets]
    corrected: dict[int, list[str]] = {}
    for correction in store.corrections(recording_id):
        corrected.setdefault(correction.utterance_index, []).append(correction.language)
    return {
        "recording_id": recording_id,
        "name": storable(recording.name),
        "sha256": recording.sha256,
        "duration_s": None if audio is None else audio.duration_s,
        "language": SOURCE_LANGUAGE,
        "recognised_by": {
            "engine": transcript.engine,
            "model": transcript.model,
            "version": transcript.model_version,
            "chunk_bytes": transcript.chunk_bytes,
        },
        "translated_by": {
            one.language: {"engine": one.engine, "model": one.model, "version": one.model_version} for one in sets
        },
        "word_count": transcript.word_count,
        "mean_confidence": transcript.mean_confidence,
        "utterances": [
            _utterance(utterance)
            | {
                "translations": {
                    language: text_of[language, utterance.index]
                    for language in languages
                    if (language, utterance.index) in text_of
                },
                "corrected": sorted(corrected.get(utterance.index, [])),
            }
            for utterance in transcript.utterances
        ],
    }


def transcript_text(store: RecordStore, recording_id: str, language: str = SOURCE_LANGUAGE) -> str:
    """Give an utterance a line, in English or in a language it was translated into. Errors as `transcript_json`."""
    if language == SOURCE_LANGUAGE:
        lines = [utterance.sentence for utterance in _transcript(store, recording_id).utterances]
    else:
        sets = [one for one in store.translations(recording_id) if one.language == language]
        if not sets:
            raise _not_yet(recording_id, f"a translation into {language}")
        lines = [translation.text for translation in sets[0].translations]
    return "".join(f"{line}\n" for line in lines)


def _utterance(utterance: Utterance) -> dict[str, Any]:
    return {
        "index": utterance.index,
        "channel": utterance.channel,
        "start_s": utterance.start_s,
        "end_s": utterance.end_s,
        "confidence": utterance.confidence,
        "text": utterance.text,
        "words": [
            {"text": word.text, "start_s": word.start_s, "end_s": word.end_s, "confidence": word.confidence}
            for word in utterance.words
        ],
    }


def _transcript(store: RecordStore, recording_id: str) -> Transcript:
    transcript = store.transcript(recording_id)
    if transcript is None:
        raise _not_yet(recording_id, "a transcript")
    return transcript


def _not_yet(recording_id: str, what: str) -> TransientFailure:
    return TransientFailure(recording_id, expected=what, found="none yet", remedy="Process the recording first.")
