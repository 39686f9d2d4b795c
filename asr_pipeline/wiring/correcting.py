"""A person corrects an utterance's text: a revision is kept, its translation follows, subtitles are written anew."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from asr_pipeline.domain.corrections import typed_text, version_of
from asr_pipeline.domain.errors import ModelMissing, PipelineError
from asr_pipeline.domain.recording import Recording
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Transcript, as_sentence
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, TranslationSet
from asr_pipeline.steps.caption import caption
from asr_pipeline.steps.translate_now import glossary_of, translate_sentence
from asr_pipeline.storage.corrections import CorrectedText, correct
from asr_pipeline.wiring.pipeline import Pipeline

logger = logging.getLogger(__name__)
LONGEST_WAIT_S = 10.0  # for the corrections before it
_one_at_a_time = threading.Lock()  # in this process; claims keep others out


class TextMissing(PipelineError):
    """There is no such text to correct."""


class TextChanged(PipelineError):
    """The text is another by now than the one that a person saw."""


class RecordingAtWork(PipelineError):
    """A run works on the recording, whose texts may be others in a moment."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person wants a text to be. `seen` names the version that they saw; None where they don't care."""

    language: str
    utterance_index: int
    text: str
    by: str
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Texts:
    """An utterance's texts as they are now."""

    spoken: str
    translations: Mapping[str, str]

    def text(self, language: str) -> str | None:
        """Give one of them."""
        return self.spoken if language == SOURCE_LANGUAGE else self.translations.get(language)


def texts_now(pipeline: Pipeline, recording: Recording, language: str, index: int) -> Texts:
    """Give an utterance's texts. Raises TextMissing where it has none in this language."""
    transcript = pipeline.store.transcript(recording.recording_id)
    sets = pipeline.store.translations(recording.recording_id)
    return _texts(recording, transcript, sets, language, index)


def apply_correction(pipeline: Pipeline, recording: Recording, asked: Asked) -> Texts:
    """Correct a text, and give all texts of the utterance as they are then.

    A corrected English sentence is translated anew, but for languages in which a person has corrected it. Raises
    TextInvalid, TextMissing, TextChanged, RecordingAtWork.
    """
    new_text = typed_text(asked.text, asked.language)
    if not _one_at_a_time.acquire(timeout=LONGEST_WAIT_S):
        raise _at_work(recording)
    try:
        claim = pipeline.claims.claim(recording)
        if claim is None:
            raise _at_work(recording)
        try:
            return _correct(pipeline, recording, asked, new_text)
        finally:
            claim.release()
    finally:
        _one_at_a_time.release()


def _correct(pipeline: Pipeline, recording: Recording, asked: Asked, new_text: str) -> Texts:
    store, recording_id, index = pipeline.store, recording.recording_id, asked.utterance_index
    transcript, sets = store.transcript(recording_id), store.translations(recording_id)
    old_text = _texts(recording, transcript, sets, asked.language, index).text(asked.language)
    if old_text is None or transcript is None:
        raise _missing(recording, asked.language, index)
    if asked.seen is not None and asked.seen != version_of(old_text):
        raise _changed(recording, index)
    if new_text != old_text:
        corrected = CorrectedText(asked.language, index, old_text, new_text, asked.by)
        if asked.language == SOURCE_LANGUAGE:
            corrected = _with_translations(pipeline, transcript, sets, corrected)
        if not correct(pipeline.database, recording_id, corrected):
            raise _changed(recording, index)
        transcript, sets = store.transcript(recording_id), store.translations(recording_id)
        if transcript is not None and Stage.SUBTITLES in store.stages_done([recording_id])[recording_id]:
            _write_subtitles(pipeline, recording_id, transcript, sets)
    return _texts(recording, transcript, sets, asked.language, index)


def _with_translations(
    pipeline: Pipeline, transcript: Transcript, sets: list[TranslationSet], corrected: CorrectedText
) -> CorrectedText:
    """Add the new sentence's translations, and the terms that apply to the recording with it."""
    index = corrected.utterance_index
    by_hand = {
        one.language
        for one in pipeline.store.corrections(transcript.recording_id)
        if one.utterance_index == index and one.language != SOURCE_LANGUAGE
    }
    before = [utterance.sentence for utterance in transcript.utterances]
    after = [as_sentence(corrected.new_text) if number == index else one for number, one in enumerate(before)]
    translations: dict[str, str] = {}
    glossaries: dict[str, str] = {}
    for one in sets:
        glossary = glossary_of(pipeline.tools, one.language)
        if one.glossary == glossary.fingerprint(before):  # else its other sentences are stale, and must stay so
            glossaries[one.language] = glossary.fingerprint(after)
        if one.language in by_hand:
            continue
        try:
            translations[one.language] = translate_sentence(pipeline.tools, after[index], one.language)
        except ModelMissing as error:  # a language of former settings: its old translation stands
            logger.warning("%s, utterance %d: %s", transcript.recording_id, index, error)
    return CorrectedText(
        corrected.language,
        index,
        corrected.old_text,
        corrected.new_text,
        corrected.corrected_by,
        translations,
        glossaries,
    )


def _write_subtitles(pipeline: Pipeline, recording_id: str, transcript: Transcript, sets: list[TranslationSet]) -> None:
    audio = pipeline.store.audio(recording_id)
    files = pipeline.tools.files
    if audio is None:
        return
    captions = caption(
        transcript,
        sets,
        pipeline.rules.caption_rules,
        duration_s=audio.duration_s,
        writer=pipeline.tools.subtitle_writer,
        path_for=partial(files.subtitle_of, recording_id),
        relative=files.relative,
    )
    pipeline.store.rewrite_subtitles(recording_id, captions.files)


def _texts(
    recording: Recording, transcript: Transcript | None, sets: list[TranslationSet], language: str, index: int
) -> Texts:
    utterances = transcript.utterances if transcript else ()
    if not 0 <= index < len(utterances):
        raise _missing(recording, language, index)
    found = Texts(
        utterances[index].text,
        {one.language: each.text for one in sets for each in one.translations if each.utterance_index == index},
    )
    if found.text(language) is None:
        raise _missing(recording, language, index)
    return found


def _missing(recording: Recording, language: str, index: int) -> TextMissing:
    return TextMissing(
        f"utterance {index} of {recording.recording_id} in {language}",
        expected="a text",
        found="none",
        remedy=f"GET /recordings/{recording.recording_id} gives its utterances and their translations.",
    )


def _changed(recording: Recording, index: int) -> TextChanged:
    return TextChanged(
        f"utterance {index} of {recording.recording_id}",
        expected="the version that If-Match names",
        found="another: somebody has corrected it, or it was made anew",
        remedy="Get it again, and correct that.",
    )


def _at_work(recording: Recording) -> RecordingAtWork:
    return RecordingAtWork(
        recording.recording_id,
        expected="a recording that nobody works on",
        found="one that is in work",
        remedy="Try again once it is done.",
    )
