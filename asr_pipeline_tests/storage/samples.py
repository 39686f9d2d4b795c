"""Values to store: a plain recording with results of every stage, and strategies for any."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from asr_pipeline.domain.arrival import Outcome
from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.recording import Recording, recording_id
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import Translation, TranslationSet
from asr_pipeline.ports import RecordStore, RunContext
from asr_pipeline.storage.arrivals import SqlArrivals

RUN = RunContext(run_id="run-2", root_run_id="run-1")


@dataclass(frozen=True)
class Results:
    """What all stages found for one recording."""

    audio: AudioInfo
    segments: Sequence[Segment]
    transcript: Transcript
    translations: Sequence[TranslationSet]
    subtitles: Sequence[SubtitleFile]


def recording(name: str = "call.wav", content: bytes | None = None) -> Recording:
    sha256 = hashlib.sha256(name.encode("utf-8", "surrogatepass") if content is None else content).hexdigest()
    return Recording(recording_id(name, sha256), sha256, 1 << 40, name, f"originals/{sha256[:2]}/{sha256}.wav")


def outcomes(ledger: SqlArrivals) -> dict[Outcome, int]:
    """Count what became of the files that were offered."""
    return {outcome: len(ledger.with_outcome(outcome)) for outcome in Outcome}


def results(recording_id: str, *, utterances: int = 15, words: int = 10) -> Results:
    spoken = tuple(
        Utterance(
            u,
            0,
            tuple(Word(f"word{w}", u * 4 + w * 0.3, u * 4 + w * 0.3 + 0.25, 0.875) for w in range(words)),
        )
        for u in range(utterances)
    )
    sentences = tuple(Translation(u, "fa", f"متن {u} است.") for u in range(utterances))
    duration_s = utterances * 4.0
    return Results(
        audio=AudioInfo(
            f"audio/{recording_id}.flac",
            duration_s,
            "wav",
            "pcm_s16le",
            44_100,
            2,
            1,
            -3.0,
            -20.5,
            0,
            tuple((-i / 200, i / 200) for i in range(200)),
        ),
        segments=[Segment(u, 0, u * 4.0, u * 4 + 3.5) for u in range(utterances)],
        transcript=Transcript(recording_id, "vosk", "starter", "1", 8_000, spoken),
        translations=[TranslationSet(recording_id, "fa", "argos", "en_fa", "1.5", sentences)],
        subtitles=[
            SubtitleFile(language, form, f"results/{recording_id}.{language}.{form}", utterances)
            for language in ("bilingual", "en", "fa")
            for form in sorted(SubtitleFormat)
        ],
    )


def save(store: RecordStore, stage: Stage, recording_id: str, found: Results, run: RunContext = RUN) -> None:
    """Save one stage's results."""
    if stage is Stage.RAW_AUDIO:
        store.save_audio(recording_id, found.audio, run)
    elif stage is Stage.SEGMENTS:
        store.save_segments(recording_id, found.segments, run)
    elif stage is Stage.TRANSCRIPTS:
        store.save_transcript(found.transcript, run)
    elif stage is Stage.TRANSLATIONS:
        store.save_translations(found.translations, run)
    else:
        store.save_subtitles(recording_id, found.subtitles, run)


def read(store: RecordStore, recording_id: str) -> Results:
    """Read all stages' results."""
    audio, transcript = store.audio(recording_id), store.transcript(recording_id)
    assert audio is not None
    assert transcript is not None
    return Results(
        audio,
        store.segments(recording_id),
        transcript,
        store.translations(recording_id),
        store.subtitles(recording_id),
    )


TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
NUMBERS = st.floats(-1e9, 1e9)
COUNTS = st.integers(0, 2**31 - 1)
LANGUAGES = st.sampled_from(["ar", "de", "fa", "fr"])


@st.composite
def any_results(draw: st.DrawFn, recording_id: str) -> Results:
    """Give results that no engine would, but that are values of the domain."""
    words = st.builds(Word, TEXTS, NUMBERS, NUMBERS, st.floats(0, 1))
    spoken = draw(st.lists(st.tuples(COUNTS, st.lists(words, min_size=1, max_size=4)), max_size=5))
    texts = st.lists(TEXTS, max_size=5)
    sets = draw(st.lists(st.tuples(LANGUAGES, TEXTS, texts), min_size=1, max_size=3, unique_by=lambda one: one[0]))
    spans = draw(st.lists(st.tuples(COUNTS, NUMBERS, NUMBERS), max_size=5))
    files = draw(
        st.lists(st.builds(SubtitleFile, LANGUAGES, st.sampled_from(SubtitleFormat), TEXTS, COUNTS), max_size=5)
    )
    unique_files = {(file.language, file.format): file for file in files}
    return Results(
        audio=draw(
            st.builds(
                AudioInfo,
                path=TEXTS,
                duration_s=NUMBERS,
                container=TEXTS,
                codec=TEXTS,
                sample_rate_hz=COUNTS,
                channels=COUNTS,
                canonical_channels=COUNTS,
                peak_dbfs=NUMBERS,
                rms_dbfs=NUMBERS,
                clipped_samples=st.integers(0, 2**62),
                waveform=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5).map(tuple),
            )
        ),
        segments=[Segment(index, *span) for index, span in enumerate(spans)],
        transcript=Transcript(
            recording_id,
            draw(TEXTS),
            draw(TEXTS),
            draw(TEXTS),
            draw(COUNTS),
            tuple(Utterance(index, channel, tuple(some)) for index, (channel, some) in enumerate(spoken)),
        ),
        translations=sorted(
            (
                TranslationSet(
                    recording_id,
                    language,
                    engine,
                    "m",
                    "1",
                    tuple(Translation(index, language, text) for index, text in enumerate(some)),
                )
                for language, engine, some in sets
            ),
            key=lambda one: one.language,
        ),
        subtitles=[unique_files[key] for key in sorted(unique_files)],
    )
