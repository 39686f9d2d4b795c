"""A house without engines: a database, and files as the stages would have written them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.ledger import Finding
from asr_pipeline.domain.recording import Recording, recording_id
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.subtitle import SubtitleFormat
from asr_pipeline.ports import RunContext
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.verify import Verification, verify
from asr_pipeline.storage.verify_files import FileChecks
from asr_pipeline_tests.storage.samples import RUN, Results, results, save


@dataclass
class House:
    """Registers files and commits stages, rows and files both."""

    engine: sa.Engine
    layout: Layout
    store: SqlRecordStore = field(init=False)

    def __post_init__(self) -> None:
        self.layout.ensure()
        self.store = SqlRecordStore(self.engine)

    def register(self, name: str, *, path: str | None = None) -> str:
        """Store a file's bytes and register it, as the one file of this name or as another of the same bytes."""
        content = f"the bytes of {name}".encode("utf-8", "surrogateescape")
        sha256 = hashlib.sha256(content).hexdigest()
        original = self.layout.original_of(sha256, name)
        original.parent.mkdir(parents=True, exist_ok=True)
        original.write_bytes(content)
        one = Recording(recording_id(name, sha256), sha256, len(content), name, self.layout.relative(original))
        arrival = Arrival(path or f"/talks/{name}", len(content), 7, Way.PROCESS, Outcome.ACCEPTED, one.recording_id)
        self.store.register([one], [arrival])
        return one.recording_id

    def refuse(self, path: Path, outcome: Outcome = Outcome.REFUSED) -> None:
        """Note a file that is no audio."""
        SqlArrivals(self.engine).note([Arrival(str(path), 3, 7, Way.INBOX, outcome, reason="no audio")])

    def commit(self, recording_id: str, stage: Stage, *, utterances: int = 3, run: RunContext = RUN) -> None:
        """Write a stage's files, then its rows."""
        found = self.results(recording_id, utterances=utterances)
        paths = {
            Stage.RAW_AUDIO: [found.audio.path],
            Stage.SUBTITLES: [file.path for file in found.subtitles],
        }.get(stage, [])
        for path in map(self.layout.absolute, paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"made of " + recording_id.encode())
        save(self.store, stage, recording_id, found, run)

    def results(self, recording_id: str, *, utterances: int = 3) -> Results:
        """Give results whose paths are those of the layout."""
        found = results(recording_id, utterances=utterances, words=2)
        path = self.layout.relative(self.layout.audio_of(recording_id))
        return replace(
            found,
            audio=replace(found.audio, path=path),
            subtitles=[
                replace(
                    file,
                    path=self.layout.relative(
                        self.layout.subtitle_of(recording_id, file.language, SubtitleFormat(file.format))
                    ),
                )
                for file in found.subtitles
            ],
        )

    def finish(self, name: str, *, utterances: int = 3) -> str:
        """Register a file, and commit every stage."""
        recording_id = self.register(name)
        for stage in Stage:
            self.commit(recording_id, stage, utterances=utterances)
        return recording_id

    def verify(self, *, deep: bool = False, young_s: float = 3600) -> Verification:
        """Look at everything."""
        checks = FileChecks(deep=deep, threads=2, young_s=young_s)
        return verify(self.engine, self.layout, checks, lambda *_: None)

    def found(self, *, deep: bool = False, young_s: float = 3600) -> list[Finding]:
        """Give what is wrong."""
        return list(self.verify(deep=deep, young_s=young_s).findings)


def told(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    """Give each finding's kind and subject."""
    return {(finding.kind.value, finding.subject) for finding in findings}
