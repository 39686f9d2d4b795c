"""Rules that tell a good result from one that a person should look at. None of them stops the work."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import TranslationSet

SILENT_BELOW_DBFS = -60.0  # well under the noise floor of a quiet room in a normal recording
CLIPPED_SHARE = 0.001  # a thousandth of the samples at full scale is heard as distortion
LOW_CONFIDENCE = 0.6
MIN_PERSIAN_SHARE = 0.7  # names and figures may stay Latin
TIME_TOLERANCE_S = 0.05
NAMED_TERMS = 10  # a check names so many, and counts the others


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one rule: whether it holds, and what was measured."""

    passed: bool
    measured: str


def not_silent(audio: AudioInfo) -> Finding:
    """Hold the loudest sample against `SILENT_BELOW_DBFS`."""
    return Finding(audio.peak_dbfs > SILENT_BELOW_DBFS, f"peak {audio.peak_dbfs:.1f} dBFS")


def not_clipped(audio: AudioInfo) -> Finding:
    """Hold the share of samples at full scale against `CLIPPED_SHARE`."""
    samples = max(1, round(audio.duration_s * audio.sample_rate_hz) * audio.channels)
    return Finding(audio.clipped_samples <= samples * CLIPPED_SHARE, f"{audio.clipped_samples:,} samples at full scale")


def segments_in_order(segments: Sequence[Segment], duration_s: float) -> Finding:
    """Expect segments of a channel one after another, and all of them inside the recording."""
    faults = 0
    end_s: dict[int, float] = {}
    for segment in segments:
        starts_after_s = end_s.get(segment.channel, 0.0) - TIME_TOLERANCE_S
        faults += not (starts_after_s <= segment.start_s < segment.end_s <= duration_s + TIME_TOLERANCE_S)
        end_s[segment.channel] = segment.end_s
    return Finding(faults == 0, f"{faults} of {len(segments)} segments overlap or lie outside the recording")


def not_empty(transcript: Transcript, segments: Sequence[Segment]) -> Finding:
    """Expect words where there was speech."""
    return Finding(
        bool(transcript.utterances) or not segments,
        f"{transcript.word_count:,} words in {sum(s.duration_s for s in segments):.1f} s of speech",
    )


def confident(transcript: Transcript) -> Finding:
    """Hold the mean confidence against `LOW_CONFIDENCE`."""
    mean = transcript.mean_confidence
    return Finding(mean is None or mean >= LOW_CONFIDENCE, "no words" if mean is None else f"mean {mean:.2f}")


def times_in_order(transcript: Transcript, duration_s: float) -> Finding:
    """Expect words in order within an utterance, utterances in order, and all of them inside the recording."""
    faults = 0
    latest_start_s = 0.0
    for utterance in transcript.utterances:
        faults += utterance.start_s < latest_start_s
        latest_start_s = utterance.start_s
        previous_end_s = 0.0
        for word in utterance.words:
            faults += not (previous_end_s - TIME_TOLERANCE_S <= word.start_s <= word.end_s)
            faults += word.end_s > duration_s + TIME_TOLERANCE_S
            previous_end_s = word.end_s
    return Finding(faults == 0, f"{faults} words or utterances out of order or outside the recording")


def one_to_each(transcript: Transcript, sets: Sequence[TranslationSet]) -> Finding:
    """Expect exactly one translation with text to each utterance, in every language."""
    wanted = [utterance.index for utterance in transcript.utterances]
    faults = [
        translated.language
        for translated in sets
        if [t.utterance_index for t in translated.translations] != wanted
        or not all(t.text.strip() for t in translated.translations)
    ]
    return Finding(
        not faults, f"missing or empty in {', '.join(faults)}" if faults else f"{len(wanted)} utterances, each has one"
    )


def persian_script(sets: Sequence[TranslationSet]) -> Finding:
    """Hold the share of letters that are Persian, in the translations into Persian, against `MIN_PERSIAN_SHARE`."""
    letters = [c for s in sets if s.language == "fa" for t in s.translations for c in t.text if c.isalpha()]
    if not letters:
        return Finding(passed=True, measured="no letters to judge")
    share = sum("\u0600" <= letter <= "\u06ff" for letter in letters) / len(letters)
    return Finding(share >= MIN_PERSIAN_SHARE, f"{share:.0%} of {len(letters):,} letters")


def glossary_used(missing: Sequence[str]) -> Finding:
    """Expect each term of the glossary where it applies; the plain translation stands where it could not be put."""
    more = f" (and {len(missing) - NAMED_TERMS} more)" if len(missing) > NAMED_TERMS else ""
    named = "; ".join(missing[:NAMED_TERMS])
    return Finding(not missing, f"{named}{more}" if missing else "each term that applies is used")


def subtitles_in_limits(cue_faults: Sequence[str]) -> Finding:
    """Expect cues that keep to the rules of length, lines, reading speed and order."""
    more = f" (and {len(cue_faults) - 1} more)" if len(cue_faults) > 1 else ""
    return Finding(not cue_faults, f"{cue_faults[0]}{more}" if cue_faults else "all cues keep to the rules")
