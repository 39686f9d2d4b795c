"""Fakes behind the ports: they force faults and orders that real engines won't give on demand."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asr_pipeline.domain.arrival import Arrival
from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.corrections import Correction
from asr_pipeline.domain.cue import Cue
from asr_pipeline.domain.errors import PermanentFailure, PipelineError
from asr_pipeline.domain.glossary import NO_GLOSSARY, Glossary, GlossaryEntry
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.segment import Segment, Span
from asr_pipeline.domain.stage import Stage, with_downstream
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import TranslationSet
from asr_pipeline.ports import EngineVersion, RecordingRow, RunContext, StageCommit

Fault = Callable[[str], None]


def no_fault(_: str) -> None:
    """Let everything pass."""


def recording(name: str) -> Recording:
    """Give a recording whose id is its name: fakes read it from paths."""
    return Recording(recording_id=name, sha256=f"{name:0>64}", size_bytes=1, name=f"{name}.wav", source=name)


@dataclass
class FakeFiles:
    """Paths that end with the recording's id; nothing is written."""

    def source_of(self, recording: Recording) -> Path:
        return Path("source") / recording.source

    def audio_of(self, recording_id: str) -> Path:
        return Path("audio") / recording_id

    def subtitle_of(self, recording_id: str, language: str, file_format: SubtitleFormat) -> Path:
        return Path("results") / f"{recording_id}.{language}.{file_format}"

    def relative(self, path: Path) -> str:
        return str(path)


@dataclass
class FakeDecoder:
    """Decodes anything; `fault` may raise by the source's name."""

    duration_s: float = 60.0
    fault: Fault = no_fault
    decoded: list[str] = field(default_factory=list)

    def probe(self, source: Path) -> None:
        self.fault(source.name)

    def decode(self, source: Path, destination: Path) -> AudioInfo:
        self.fault(source.name)
        self.decoded.append(source.name)
        return AudioInfo(str(destination), self.duration_s, "wav", "pcm", 16_000, 1, 1, -3.0, -20.0, 0, ())


@dataclass
class FakeDetector:
    """Finds `count` segments of one second, two seconds apart."""

    count: int = 4

    def detect(self, audio: Path) -> list[Segment]:
        return [Segment(i, 0, 2.0 * i, 2.0 * i + 1) for i in range(self.count)] if "silent" not in audio.name else []


@dataclass
class FakeTranscriber:
    """Hears one utterance a segment: "<recording> <segment>". `delay_s` of a span decides what finishes first."""

    delay_s: Callable[[Span], float] = lambda _: 0.0
    fault: Fault = no_fault
    chunk_bytes: int = 8000
    running: int = 0
    most_running: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def version(self) -> EngineVersion:
        return EngineVersion("fake", "ears", "1")

    def preload(self) -> None:
        """Have nothing to load."""

    def transcribe(self, audio: Path, span: Span) -> list[Utterance]:
        with self._lock:
            self.running += 1
            self.most_running["spans"] = max(self.most_running["spans"], self.running)
        try:
            time.sleep(self.delay_s(span))
            self.fault(audio.name)
            return [
                Utterance(
                    0,
                    segment.channel,
                    (
                        Word(audio.name, segment.start_s, segment.start_s + 0.4, 0.9),
                        Word(str(segment.index), segment.start_s + 0.5, segment.end_s, 0.8),
                    ),
                )
                for segment in span.segments
            ]
        finally:
            with self._lock:
                self.running -= 1


@dataclass
class FakeTranslator:
    """Translates "x" to "fa:x", and keeps each batch. `fault` may raise by sentence."""

    fault: Fault = no_fault
    batches: list[list[str]] = field(default_factory=list)

    def version(self, source: str, target: str) -> EngineVersion:
        return EngineVersion("fake", f"{source}-{target}", "1")

    def pairs(self) -> frozenset[tuple[str, str]]:
        return frozenset({("en", "fa"), ("en", "de")})

    def preload(self, source: str, target: str) -> None:
        """Have nothing to load."""

    def translate(
        self, sentences: Sequence[str], *, source: str, target: str, glossary: Glossary | None = None
    ) -> list[str]:
        assert source == "en"
        self.batches.append(list(sentences))
        for sentence in sentences:
            self.fault(sentence)
        return [f"{target}:{sentence}{self._terms(sentence, glossary)}" for sentence in sentences]

    @staticmethod
    def _terms(sentence: str, glossary: Glossary | None) -> str:
        """Give the required words, each after a space."""
        return "".join(f" {entry.translation}" for entry in (glossary or NO_GLOSSARY).applicable([sentence]))


class DeafTranslator(FakeTranslator):
    """Puts no term."""

    @staticmethod
    def _terms(sentence: str, glossary: Glossary | None) -> str:  # noqa: ARG004
        return ""


@dataclass
class FakeGlossaries:
    """The same entries for every pair; counts how often it was asked."""

    entries: list[GlossaryEntry] = field(default_factory=list)
    asked: int = 0

    def glossary(self, source: str, target: str) -> Glossary:
        assert source == "en"
        self.asked += 1
        return Glossary(self.entries, language=target)


@dataclass
class FakeSubtitleWriter:
    """Keeps cues by path."""

    written: dict[Path, list[Cue]] = field(default_factory=dict)

    def write(
        self, destination: Path, cues: Sequence[Cue], *, file_format: SubtitleFormat, languages: Sequence[str]
    ) -> None:
        assert destination.suffix == f".{file_format}"
        assert languages
        self.written[destination] = list(cues)


@dataclass
class FakeMemory:
    """Remembers in a dict."""

    known: dict[tuple[str, str, str, EngineVersion], str] = field(default_factory=dict)

    def recall(self, sentences: Sequence[str], source: str, target: str, version: EngineVersion) -> dict[str, str]:
        keys = {sentence: (sentence, source, target, version) for sentence in sentences}
        return {sentence: self.known[key] for sentence, key in keys.items() if key in self.known}

    def remember(self, pairs: Mapping[str, str], source: str, target: str, version: EngineVersion) -> None:
        self.known |= {(sentence, source, target, version): text for sentence, text in pairs.items()}


@dataclass
class FakeStore:
    """Keeps results in dicts; `fault` may raise by (method, recording) before anything is kept."""

    fault: Callable[[str, str], None] = lambda _method, _recording_id: None
    recordings: dict[str, Recording] = field(default_factory=dict)
    results: dict[str, dict[Stage, object]] = field(default_factory=dict)
    failures: dict[str, tuple[Stage, PipelineError]] = field(default_factory=dict)
    commits: list[tuple[str, Stage, str]] = field(default_factory=list)
    arrivals: list[Arrival] = field(default_factory=list)

    def register(self, recordings: Iterable[Recording], arrivals: Iterable[Arrival] = ()) -> None:
        self.arrivals += arrivals
        for one in recordings:
            self.recordings.setdefault(one.recording_id, one)
            self.results.setdefault(one.recording_id, {})

    def find_by_sha256(self, sha256: str) -> Recording | None:
        return next((one for one in self.recordings.values() if one.sha256 == sha256), None)

    def recording(self, recording_id: str) -> Recording:
        return self.recordings[recording_id]

    def _save(self, recording_id: str, stage: Stage, result: object, run: RunContext) -> None:
        self.fault(f"save_{stage}", recording_id)
        for later in with_downstream([stage]):
            self.results[recording_id].pop(later, None)
        self.results[recording_id][stage] = result
        self.failures.pop(recording_id, None)
        self.commits.append((recording_id, stage, run.root_run_id))

    def save_audio(self, recording_id: str, audio: AudioInfo, run: RunContext) -> None:
        self._save(recording_id, Stage.RAW_AUDIO, audio, run)

    def audio(self, recording_id: str) -> AudioInfo | None:
        return self.results[recording_id].get(Stage.RAW_AUDIO)  # type: ignore[return-value]

    def save_segments(self, recording_id: str, segments: Sequence[Segment], run: RunContext) -> None:
        self._save(recording_id, Stage.SEGMENTS, list(segments), run)

    def segments(self, recording_id: str) -> list[Segment]:
        return self.results[recording_id].get(Stage.SEGMENTS, [])  # type: ignore[return-value]

    def save_transcript(self, transcript: Transcript, run: RunContext) -> None:
        self._save(transcript.recording_id, Stage.TRANSCRIPTS, transcript, run)

    def transcript(self, recording_id: str) -> Transcript | None:
        return self.results[recording_id].get(Stage.TRANSCRIPTS)  # type: ignore[return-value]

    def save_translations(self, sets: Sequence[TranslationSet], run: RunContext) -> None:
        self._save(sets[0].recording_id, Stage.TRANSLATIONS, list(sets), run)

    def translations(self, recording_id: str) -> list[TranslationSet]:
        return self.results[recording_id].get(Stage.TRANSLATIONS, [])  # type: ignore[return-value]

    def corrections(self, recording_id: str) -> list[Correction]:  # noqa: ARG002
        return []

    def save_subtitles(self, recording_id: str, files: Sequence[SubtitleFile], run: RunContext) -> None:
        self._save(recording_id, Stage.SUBTITLES, list(files), run)

    def subtitles(self, recording_id: str) -> list[SubtitleFile]:
        return self.results[recording_id].get(Stage.SUBTITLES, [])  # type: ignore[return-value]

    def save_failure(self, recording_id: str, stage: Stage, error: PipelineError, run: RunContext) -> None:  # noqa: ARG002
        self.fault("save_failure", recording_id)
        self.failures[recording_id] = (stage, error)

    def stages_done(self, recording_ids: Sequence[str]) -> Mapping[str, frozenset[Stage]]:
        return {one: frozenset(self.results.get(one, {})) for one in recording_ids}

    def last_commits(self, recording_ids: Sequence[str]) -> Mapping[str, Mapping[Stage, StageCommit]]:
        found: dict[str, dict[Stage, StageCommit]] = {one: {} for one in recording_ids}
        for number, (one, stage, _) in enumerate(self.commits):
            if one in found:
                found[one][stage] = StageCommit(str(number), "")
        return found

    def stages_done_in(self, root_run_id: str) -> frozenset[tuple[str, Stage]]:
        return frozenset((one, stage) for one, stage, root in self.commits if root == root_run_id)

    def _state(self, recording_id: str) -> RecordingState:
        if recording_id in self.failures:
            permanent = isinstance(self.failures[recording_id][1], PermanentFailure)
            return RecordingState.QUARANTINED if permanent else RecordingState.FAILED
        return RecordingState.DONE if len(self.results[recording_id]) == len(Stage) else RecordingState.IN_PROGRESS

    def _failed_stage(self, recording_id: str) -> Stage | None:
        return self.failures[recording_id][0] if recording_id in self.failures else None

    def count_by_state(self) -> Mapping[RecordingState, int]:
        counts = Counter(self._state(one) for one in self.recordings)
        return {state: counts[state] for state in RecordingState}

    def rows(
        self, recording_ids: Sequence[str] | None = None, *, state: RecordingState | None = None
    ) -> list[RecordingRow]:
        wanted = self.recordings if recording_ids is None else recording_ids
        rows = [
            RecordingRow(self.recordings[one], self._state(one), self._failed_stage(one), None, None, None, None)
            for one in wanted
            if one in self.recordings
        ]
        return [row for row in rows if state is None or row.state is state]


@dataclass
class FakeSpans:
    """Keeps spans in dicts."""

    kept: dict[str, dict[int, tuple[str, list[Utterance]]]] = field(default_factory=dict)

    def keep(self, recording_id: str, span_index: int, utterances: Sequence[Utterance], made_with: str) -> None:
        self.kept.setdefault(recording_id, {})[span_index] = (made_with, list(utterances))

    def recall(self, recording_id: str, made_with: str) -> Mapping[int, list[Utterance]]:
        found = self.kept.get(recording_id, {})
        return {index: utterances for index, (made, utterances) in found.items() if made == made_with}

    def forget(self, recording_id: str) -> None:
        self.kept.pop(recording_id, None)


@dataclass
class FakeClaim:
    """A claim that tells of suspects as a test wants, and counts what is left of its marks."""

    claims: "FakeClaims"
    recording_id: str
    marks: set[str] = field(default_factory=set)

    def is_suspect(self, call: str) -> bool:
        return (self.recording_id, call) in self.claims.suspects

    def began(self, call: str) -> None:
        self.marks.add(call)

    def ended(self, call: str) -> None:
        self.marks.discard(call)

    def condemn(self, call: str) -> None:
        self.claims.condemned.append((self.recording_id, call))

    def engine_died(self) -> None:
        self.claims.deaths.append(self.recording_id)

    def release(self) -> None:
        self.claims.left += self.marks
        self.claims.taken.discard(self.recording_id)


@dataclass
class FakeClaims:
    """Claims among those who share this. `suspects` are (recording, call)."""

    suspects: set[tuple[str, str]] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    deaths: list[str] = field(default_factory=list)
    condemned: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def claim(self, recording: Recording) -> FakeClaim | None:
        if recording.recording_id in self.taken:
            return None
        self.taken.add(recording.recording_id)
        return FakeClaim(self, recording.recording_id)


@dataclass
class FakeListener:
    """Keeps what it hears."""

    done: list[tuple[str, Stage]] = field(default_factory=list)
    failed: list[tuple[str, Stage]] = field(default_factory=list)
    results: list[RecordingResults] = field(default_factory=list)
    speech_s: float = 0.0

    def speech_recognised(self, recording_id: str, speech_s: float) -> None:  # noqa: ARG002
        self.speech_s += speech_s

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:
        self.done.append((results.recording.recording_id, stage))
        self.results.append(results)

    def recording_failed(self, recording_id: str, stage: Stage, error: PipelineError) -> None:  # noqa: ARG002
        self.failed.append((recording_id, stage))
