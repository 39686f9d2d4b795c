"""Transcript and translations -> cues -> subtitle files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from asr_pipeline.domain.bidi import clean
from asr_pipeline.domain.cue import CaptionRules, Cue, CueText, violations, visible_chars
from asr_pipeline.domain.cue_timing import Draft, place
from asr_pipeline.domain.errors import UpstreamMissing
from asr_pipeline.domain.line_breaking import Token, join, split_cues, split_lines, tokens_of_text, tokens_of_words
from asr_pipeline.domain.persian import normalise
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, TranslationSet
from asr_pipeline.ports import SubtitleWriter

__all__ = ["BILINGUAL", "CaptionRules", "Captions", "caption", "cues_in", "languages_of_files"]

BILINGUAL = "bilingual"
PERSIAN = "fa"
PathFor = Callable[[str, SubtitleFormat], Path]


@dataclass(frozen=True, slots=True)
class Captions:
    """The files that were written, and where their cues break the rules, a sentence each."""

    files: list[SubtitleFile]
    faults: list[str]


def caption(
    transcript: Transcript,
    sets: Sequence[TranslationSet],
    rules: CaptionRules,
    *,
    duration_s: float,
    writer: SubtitleWriter,
    path_for: PathFor,
    relative: Callable[[Path], str] = str,
) -> Captions:
    """Write every format in English, in each language of `sets`, and in English with each of them.

    `path_for` says where a file goes, and `relative` how its path is recorded. A transcript without utterances gives
    files without cues. Raises UpstreamMissing where a set does not translate this transcript.
    """
    files: list[SubtitleFile] = []
    faults: list[str] = []
    for name, languages in languages_of_files(sets).items():
        cues = cues_in(languages, transcript, sets, rules, duration_s)
        faults += [f"{name}: {fault}" for fault in violations(cues, rules, duration_s)]
        for file_format in SubtitleFormat:
            path = path_for(name, file_format)
            writer.write(path, cues, file_format=file_format, languages=languages)
            files.append(SubtitleFile(name, file_format, relative(path), len(cues)))
    return Captions(files, faults)


def languages_of_files(sets: Sequence[TranslationSet]) -> dict[str, tuple[str, ...]]:
    """Name the files: which languages, as ISO codes, each shows from top to bottom.

    One target language makes "bilingual"; several make one such file each, as "bilingual-fa".
    """
    targets = [translated.language for translated in sets]
    names: dict[str, tuple[str, ...]] = {SOURCE_LANGUAGE: (SOURCE_LANGUAGE,)}
    names |= {target: (target,) for target in targets}
    for target in targets:
        names[BILINGUAL if len(targets) == 1 else f"{BILINGUAL}-{target}"] = (SOURCE_LANGUAGE, target)
    return names


def cues_in(
    languages: Sequence[str],
    transcript: Transcript,
    sets: Sequence[TranslationSet],
    rules: CaptionRules,
    duration_s: float,
) -> list[Cue]:
    """Make the cues of one file, which shows one language or two. Raises UpstreamMissing as `caption` does."""
    texts = {translated.language: _texts(translated, transcript) for translated in sets}
    drafts: list[Draft] = []
    for utterance in transcript.utterances:
        tokens = {language: _tokens(utterance, language, texts, rules) for language in languages}
        drafts += _drafts(utterance, {language: found for language, found in tokens.items() if found}, rules)
    return place(drafts, rules, duration_s)


def _texts(translated: TranslationSet, transcript: Transcript) -> dict[int, str]:
    """Give translations by utterance, one to each."""
    texts = {translation.utterance_index: translation.text for translation in translated.translations}
    expected = {utterance.index for utterance in transcript.utterances}
    if texts.keys() != expected or translated.recording_id != transcript.recording_id:
        raise UpstreamMissing(
            f"{translated.language} translations of {transcript.recording_id}",
            expected=f"one to each of {len(expected)} utterances",
            found=f"{len(texts)} of {translated.recording_id}, {len(expected - texts.keys())} utterances without",
            remedy="Materialize its translations again: the transcript has changed since.",
        )
    return texts


def _tokens(
    utterance: Utterance, language: str, texts: Mapping[str, Mapping[int, str]], rules: CaptionRules
) -> list[Token]:
    """Give an utterance's text in a language, with times; empty where there is nothing to show."""
    if language == SOURCE_LANGUAGE:
        return tokens_of_words(clean(utterance.sentence), utterance.words, rules.max_line_chars)
    text = clean(texts[language][utterance.index])
    if language == PERSIAN:
        text = normalise(text, rules.persian_digits)
    if not visible_chars(text):
        return []
    return tokens_of_text(text, utterance.start_s, utterance.end_s, rules.max_line_chars)


def _drafts(utterance: Utterance, tokens: Mapping[str, Sequence[Token]], rules: CaptionRules) -> Iterator[Draft]:
    """Part an utterance into cues. Two languages are parted into equally many, at about the same places."""
    parts = {language: split_cues(found, language, rules) for language, found in tokens.items()}
    count = max(map(len, parts.values()), default=0)
    shares: list[float] | None = None
    for language, found in tokens.items():
        if len(tokens) > 1 and count > 1:
            parts[language] = split_cues(found, language, rules, count=count, shares=shares)
            shares = shares or _shares(parts[language])
    timing = next((found for found in parts.values() if len(found) == count), [])
    for number, shown in enumerate(zip_longest(*parts.values(), fillvalue=[])):
        yield Draft(
            start_s=timing[number][0].start_s,
            end_s=timing[number][-1].end_s,
            channel=utterance.channel,
            texts=tuple(
                CueText(language, split_lines(part, language, rules))
                for language, part in zip(parts, shown, strict=True)
                if part
            ),
        )


def _shares(parts: Sequence[Sequence[Token]]) -> list[float]:
    """Give the share of the text, by characters, that has been shown at the end of each part."""
    widths = [visible_chars(join(part)) for part in parts]
    return [sum(widths[: number + 1]) / sum(widths) for number in range(len(widths))]
