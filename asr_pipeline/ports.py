"""What the steps need from engines and stores, as protocols. Vendors stop behind these."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from asr_pipeline.domain.arrival import Arrival
from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.corrections import Correction
from asr_pipeline.domain.cue import Cue
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.domain.glossary import Glossary
from asr_pipeline.domain.inbox import FoundFile
from asr_pipeline.domain.live import Heard
from asr_pipeline.domain.note import NoteWork
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.segment import Segment, Span
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance
from asr_pipeline.domain.translation import TranslationSet


@dataclass(frozen=True, slots=True)
class EngineVersion:
    """What computes a result: a new value of any part makes a new version of the data."""

    engine: str
    model: str
    version: str


class AudioDecoder(Protocol):
    """Turns any audio file into canonical audio."""

    def decode(self, source: Path, destination: Path) -> AudioInfo:
        """Stream `source` into a new file at `destination` (16 kHz FLAC); the result's `path` is `destination`.

        Raises UnreadableAudio or LimitExceeded where the source is at fault, StorageFull where there is no room.
        Nothing is left at `destination` then.
        """
        ...

    def probe(self, source: Path) -> None:
        """Decode the beginning of `source`. Raises UnreadableAudio where no sound comes, LimitExceeded."""
        ...


class VoiceDetector(Protocol):
    """Finds speech between pauses."""

    def detect(self, audio: Path) -> list[Segment]:
        """Give the segments of every channel of canonical audio, in order of start, then channel; indexed from 0."""
        ...


class Transcriber(Protocol):
    """Recognises speech. Instances cross process boundaries: they hold settings, and load their model when used."""

    @property
    def version(self) -> EngineVersion:
        """Engine, model and the model's version."""
        ...

    def preload(self) -> None:
        """Load the model now, once a process. Raises ModelMissing where it can't be loaded."""
        ...

    @property
    def chunk_bytes(self) -> int:
        """Bytes of audio given to the recognizer at a time; recorded because it changes where utterances end."""
        ...

    def transcribe(self, audio: Path, span: Span) -> list[Utterance]:
        """Recognise the span's segments; times are relative to the recording, indexes are not yet set."""
        ...


class Cluster(Protocol):
    """Recognises speech in other processes, perhaps on other machines. May be shared by threads.

    A recording's audio is shared before its spans are recognised, and withdrawn after.
    """

    @property
    def spans_in_flight(self) -> int:
        """Spans of a recording that keep the workers there are now busy; another number when they come and go."""
        ...

    def share(self, recording_id: str, audio: Path) -> None:
        """Put canonical audio where the workers can read it. Raises TransientFailure."""
        ...

    def withdraw(self, recording_id: str) -> None:
        """Remove what was put there. Raises TransientFailure."""
        ...

    def recognise(self, span: Span, *, limit_s: float, priority: float) -> "Future[tuple[list[Utterance], float]]":
        """Begin with a span; its future gives its utterances as `Transcriber.transcribe`, and the seconds it took.

        Spans of higher priority come first. The future raises EngineStuck where a worker took more than `limit_s`,
        EngineCrashed where workers died at it: it is to be made alone then. It raises EngineFailed where the cluster is
        away, and ModelMissing where a worker has another model than the run.
        """
        ...


class LiveTranscriber(Protocol):
    """Recognises speech while it is spoken; one for each stream."""

    def accept(self, pcm: bytes) -> list[Heard]:
        """Take the next samples; give the utterances that ended, then what is heard of the next one.

        Raises EngineFailed.
        """
        ...

    def finish(self) -> list[Heard]:
        """Give the last utterance, if there is one: nothing more comes."""
        ...


class Translator(Protocol):
    """Translates sentences. Instances cross process boundaries, as transcribers do."""

    def version(self, source: str, target: str) -> EngineVersion:
        """Engine, model and version for a pair of ISO codes. Raises ModelMissing where there is none."""
        ...

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Give the pairs of ISO codes that can be translated, over other languages too."""
        ...

    def preload(self, source: str, target: str) -> None:
        """Load what a pair needs now, once a process. Raises ModelMissing where it can't be loaded."""
        ...

    def translate(
        self, sentences: Sequence[str], *, source: str, target: str, glossary: Glossary | None = None
    ) -> list[str]:
        """Translate many sentences at once: one result to each, in their order.

        Terms of `glossary` are used where that can be done with confidence; else the plain translation stands.
        """
        ...


class Glossaries(Protocol):
    """The terms that translations must use."""

    def glossary(self, source: str, target: str) -> Glossary:
        """Give the terms of a pair of languages as they are now. Raises StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class RunContext:
    """Which run commits. `root_run_id` is the first run of a chain of automatic retries: `run_id` itself if none.

    `made_with` says what the result depends on beside its input: code, models, settings. Where it differs from what a
    run would use now, the result is stale.
    """

    run_id: str
    root_run_id: str
    made_with: str = ""


@dataclass(frozen=True, slots=True)
class StageCommit:
    """The last commit of a stage: which, as a text that is another after each commit, and what it was made with."""

    mark: str
    made_with: str


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A registered recording with where it stands. `reason` says why it failed or is quarantined."""

    recording: Recording
    state: RecordingState
    failed_stage: Stage | None
    reason: str | None
    duration_s: float | None
    word_count: int | None
    mean_confidence: float | None


class RecordStore(Protocol):
    """The record of what was recognised and translated. Each `save_` is one transaction that replaces what was there.

    A `save_` also notes that the stage is done in `run`, and brings the recording's state up to date; stages that are
    made from it are done no longer.
    Every method raises StoreUnavailable where the database is away or locked.
    """

    def register(self, recordings: Iterable[Recording], arrivals: Iterable[Arrival] = ()) -> None:
        """Add recordings, with the arrivals by which they came; those whose id is there already stay as they are."""
        ...

    def find_by_sha256(self, sha256: str) -> Recording | None:
        """Give the recording that has these bytes."""
        ...

    def recording(self, recording_id: str) -> Recording:
        """Give a registered recording. Raises KeyError where there is none."""
        ...

    def save_audio(self, recording_id: str, audio: AudioInfo, run: RunContext) -> None:
        """Keep what decoding found."""
        ...

    def audio(self, recording_id: str) -> AudioInfo | None:
        """Give what `save_audio` kept."""
        ...

    def save_segments(self, recording_id: str, segments: Sequence[Segment], run: RunContext) -> None:
        """Keep the segments."""
        ...

    def segments(self, recording_id: str) -> list[Segment]:
        """Give the segments in order."""
        ...

    def save_transcript(self, transcript: Transcript, run: RunContext) -> None:
        """Keep a transcript with its utterances and words."""
        ...

    def transcript(self, recording_id: str) -> Transcript | None:
        """Give a transcript with its utterances and words."""
        ...

    def save_translations(self, sets: Sequence[TranslationSet], run: RunContext) -> None:
        """Keep one recording's translations, a set a language; languages that are not among them are dropped."""
        ...

    def translations(self, recording_id: str) -> list[TranslationSet]:
        """Give a recording's translations, a set a language."""
        ...

    def corrections(self, recording_id: str) -> list[Correction]:
        """Give the corrections that people made to a recording's texts and that hold now.

        `transcript` and `translations` give texts with them.
        """
        ...

    def save_subtitles(self, recording_id: str, files: Sequence[SubtitleFile], run: RunContext) -> None:
        """Keep which subtitle files were written."""
        ...

    def subtitles(self, recording_id: str) -> list[SubtitleFile]:
        """Give the subtitle files that were written."""
        ...

    def save_failure(self, recording_id: str, stage: Stage, error: PipelineError, run: RunContext) -> None:
        """Note that a stage failed: quarantined after a PermanentFailure, failed after any other."""
        ...

    def stages_done(self, recording_ids: Sequence[str]) -> Mapping[str, frozenset[Stage]]:
        """Give the stages that each recording has results for."""
        ...

    def last_commits(self, recording_ids: Sequence[str]) -> Mapping[str, Mapping[Stage, StageCommit]]:
        """Give the last commit of each stage; none for a recording that is not registered."""
        ...

    def stages_done_in(self, root_run_id: str) -> frozenset[tuple[str, Stage]]:
        """Give (recording, stage) pairs that this run, or an automatic retry of it, has committed."""
        ...

    def count_by_state(self) -> Mapping[RecordingState, int]:
        """Count recordings; every state is present."""
        ...

    def rows(
        self, recording_ids: Sequence[str] | None = None, *, state: RecordingState | None = None
    ) -> list[RecordingRow]:
        """Give recordings in the order in which they were registered."""
        ...


class SpanStore(Protocol):
    """What was recognised of long recordings whose transcripts are not committed yet.

    Committing a recording's transcript removes its spans in the same transaction. Errors as `RecordStore`.
    """

    def keep(self, recording_id: str, span_index: int, utterances: Sequence[Utterance], made_with: str) -> None:
        """Commit a span's utterances, in place of what was there."""
        ...

    def recall(self, recording_id: str, made_with: str) -> Mapping[int, list[Utterance]]:
        """Give what was kept and made with the same, by index of the span."""
        ...

    def forget(self, recording_id: str) -> None:
        """Remove what was kept of a recording."""
        ...


class Claim(Protocol):
    """A recording that nobody else works on until `release`. Marks of engine calls outlive a process that dies."""

    def is_suspect(self, call: str) -> bool:
        """Tell whether the process that had the recording before died in this call, or more than once in any."""
        ...

    def began(self, call: str) -> None:
        """Mark that an engine works on the recording. Called in the thread that does; raises StorageFull."""
        ...

    def ended(self, call: str) -> None:
        """Take the mark away: the call gave a result, or an error, and nobody died."""
        ...

    def condemn(self, call: str) -> None:
        """Remember beyond `release` that this call can't be made among others: every call is suspect from now on."""
        ...

    def engine_died(self) -> None:
        """Remove what an engine's process that died or was killed has left unfinished."""
        ...

    def release(self) -> None:
        """Let others have it, and take all its marks away, unless it was condemned."""
        ...


class Claims(Protocol):
    """Keeps processes out of each other's way: a recording has one worker at a time. Dying gives a claim up."""

    def claim(self, recording: Recording) -> Claim | None:
        """Claim a recording; None where another has it. Raises StoreUnavailable."""
        ...


class TranslationMemory(Protocol):
    """Sentences that were translated before. A key is (sentence, source, target, engine version)."""

    def recall(self, sentences: Sequence[str], source: str, target: str, version: EngineVersion) -> dict[str, str]:
        """Give what is known of these sentences."""
        ...

    def remember(self, pairs: Mapping[str, str], source: str, target: str, version: EngineVersion) -> None:
        """Keep translations. What is there already stays: two runs may have translated the same sentence."""
        ...


class NoteWorkStore(Protocol):
    """Translations of notes that were asked for. Every method raises StoreUnavailable.

    What ends a work gives False, and keeps nothing, where the work is not this run's any more: the note was edited.
    """

    def claim(self, note_ids: Sequence[str], run_id: str) -> list[NoteWork]:
        """Take on all that is pending of these notes and in which no process died before."""
        ...

    def claim_suspect(self, note_ids: Sequence[str], run_id: str) -> NoteWork | None:
        """Take on one translation in which a process died before, the least suspect first."""
        ...

    def save(self, work: NoteWork, text: str, version: EngineVersion, run_id: str) -> bool:
        """Keep a translation."""
        ...

    def fail(self, work: NoteWork, error: PipelineError, run_id: str) -> bool:
        """Note why a translation can't be made."""
        ...

    def put_back(self, work: NoteWork, error: PipelineError, run_id: str) -> bool:
        """Note why a translation can't be made for the time being; it is pending again."""
        ...

    def let_go(self, run_id: str) -> None:
        """Give up what a run has in work, without blame: it was stopped."""
        ...


class Files(Protocol):
    """Where a recording's files lie."""

    def source_of(self, recording: Recording) -> Path:
        """Give the original's path."""
        ...

    def audio_of(self, recording_id: str) -> Path:
        """Give the path of the canonical audio."""
        ...

    def relative(self, path: Path) -> str:
        """Give a path as the database keeps it: relative to the data folder, which may move."""
        ...

    def subtitle_of(self, recording_id: str, language: str, file_format: SubtitleFormat) -> Path:
        """Give the path of a subtitle file."""
        ...


class SubtitleWriter(Protocol):
    """Writes cues in the formats that players read."""

    def write(
        self, destination: Path, cues: Sequence[Cue], *, file_format: SubtitleFormat, languages: Sequence[str]
    ) -> None:
        """Write a file, whole or not at all. `languages` are those of its cues, in their order; there may be no cue.

        Raises StorageFull where there is no room.
        """
        ...


class FlowListener(Protocol):
    """Hears of each thing that is done, at once and in the thread that runs the flow."""

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:
        """Hear that some seconds of a recording's speech were recognised."""
        ...

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        """Hear that a stage's result was committed."""
        ...

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:
        """Hear that a recording stopped at a stage, and that this was committed."""
        ...


class Registry(Protocol):
    """Where recordings are registered: a part of `RecordStore`."""

    def register(self, recordings: Iterable[Recording], arrivals: Iterable[Arrival] = ()) -> None:
        """Add recordings and the arrivals by which they came, in one transaction."""
        ...


class Ledger(Protocol):
    """The ledger of arrivals. Raises StoreUnavailable where the database is away or locked."""

    def note(self, given: Iterable[Arrival]) -> None:
        """Note arrivals; what became of the same file last stands."""
        ...

    def known(self, looks: Sequence[tuple[str, int, int]]) -> Mapping[tuple[str, int, int], Arrival]:
        """Give what became of files, by (path, size, time of change), of those that were offered before."""
        ...


class Inbox(Protocol):
    """The folder that files are taken from."""

    @property
    def leaves(self) -> bool:
        """Whether files stay in the inbox, whatever becomes of them."""
        ...

    def put_away(self, file: FoundFile, sha256: str) -> str | None:
        """Archive, delete or leave a file whose bytes are stored; give why it could not be, None where it was.

        Raises TransientFailure where the file changed since it was found, StorageFull.
        """
        ...

    def may_empty(self, file: FoundFile) -> bool:
        """Tell whether files may be moved out of the folder that a file lies in."""
        ...

    def may_read(self, file: FoundFile) -> bool:
        """Tell whether a file may be read."""
        ...

    def is_unchanged(self, file: FoundFile) -> bool:
        """Tell whether a file is there as it was found."""
        ...


class Quarantine(Protocol):
    """The folder of what was refused, and of recordings that failed for good."""

    def put(self, file: FoundFile, error: PipelineError, *, may_move: bool) -> str | None:
        """Keep a refused file with its reason; give why it could not be moved, None where it was.

        Raises TransientFailure where the file changed since it was found, StorageFull.
        """
        ...

    def forget(self, path: str, size_bytes: int, mtime_ns: int) -> None:
        """Remove what is kept of a file that was refused: it has been accepted, or given up."""
        ...

    def keep_recording(self, recording: Recording, error: PipelineError) -> None:
        """Show a recording that failed for good, with the reason. Raises StorageFull, SettingInvalid, OSError."""
        ...

    def has(self, entry_id: str) -> bool:
        """Tell whether a recording, or a refused file, is kept by this id."""
        ...

    def remove(self, entry_id: str) -> None:
        """Remove what is kept by this id."""
        ...
