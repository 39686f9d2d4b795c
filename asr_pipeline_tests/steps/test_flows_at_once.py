"""Two flows at once over one real database: each stage is computed once, whoever comes first."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.stage import Stage
from asr_pipeline.ports import RunContext, StageCommit
from asr_pipeline.steps.caption import CaptionRules
from asr_pipeline.steps.flow import Flow, FlowReport, FlowRules, Tools
from asr_pipeline.steps.threads import DaemonThreads
from asr_pipeline.storage.claims import claims_for
from asr_pipeline.storage.database import open_database
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.memory import SqlTranslationMemory
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.spans import SqlSpanStore
from asr_pipeline.storage.tables import stage_commits, words
from asr_pipeline_tests.fakes import (
    FakeDecoder,
    FakeDetector,
    FakeListener,
    FakeSubtitleWriter,
    FakeTranscriber,
    FakeTranslator,
)
from asr_pipeline_tests.storage.samples import recording

pytestmark = pytest.mark.database
RECORDINGS = [recording(f"call-{number}.wav") for number in range(6)]
IDS = [one.recording_id for one in RECORDINGS]


class WaitingStore(SqlRecordStore):
    """Lets no flow begin before the other has looked at what is there."""

    def __init__(self, engine: sa.Engine, both_have_looked: threading.Barrier | None) -> None:
        super().__init__(engine)
        self._both_have_looked = both_have_looked

    def last_commits(self, recording_ids: Sequence[str]) -> Mapping[str, Mapping[Stage, StageCommit]]:
        found = super().last_commits(recording_ids)
        if self._both_have_looked is not None and len(recording_ids) == len(IDS):
            self._both_have_looked.wait(60)
        return found


@dataclass
class House:
    """A data folder, a database, and engines that count."""

    layout: Layout
    database_url: str
    decoder: FakeDecoder = field(default_factory=FakeDecoder)
    both_have_looked: threading.Barrier | None = None
    transcriber: FakeTranscriber = field(default_factory=lambda: FakeTranscriber(delay_s=lambda _: 0.005))

    @contextmanager
    def flow(self, run_id: str, listener: FakeListener) -> Iterator[Flow]:
        """Give a flow with connections, claims and threads of its own, as another process would have them."""
        engine, threads = open_database(self.database_url), DaemonThreads(2, run_id)
        claims = claims_for(engine, self.layout)
        tools = Tools(
            self.decoder,
            FakeDetector(),
            self.transcriber,
            FakeTranslator(),
            FakeSubtitleWriter(),
            WaitingStore(engine, self.both_have_looked),
            SqlTranslationMemory(engine),
            self.layout,
            claims,
            SqlSpanStore(engine),
        )
        rules = FlowRules(target_languages=["fa"], caption_rules=CaptionRules(), recordings_in_flight=2)
        try:
            yield Flow(tools, rules, threads, listener, RunContext(run_id, run_id))
        finally:
            threads.shutdown()
            claims.close()
            engine.dispose()

    def run(self, run_id: str, ids: list[str], listener: FakeListener) -> FlowReport:
        with self.flow(run_id, listener) as flow:
            return flow.run(ids, Stage)


@pytest.fixture
def house(tmp_path: Path, database: sa.Engine, database_url: str) -> House:
    layout = Layout(tmp_path / "data")
    layout.ensure()
    SqlRecordStore(database).register(RECORDINGS)
    return House(layout, database_url)


def test_each_stage_is_computed_once_and_both_are_told_of_all(house: House, database: sa.Engine) -> None:
    listeners = [FakeListener(), FakeListener()]
    house.both_have_looked = threading.Barrier(2)
    with ThreadPoolExecutor(2) as both:
        reports = [
            both.submit(house.run, "a", IDS, listeners[0]),
            both.submit(house.run, "b", IDS[::-1], listeners[1]),
        ]
    for report, listener in zip(reports, listeners, strict=True):
        assert sorted(report.result().done) == sorted(IDS)
        assert Counter(listener.done) == Counter((one, stage) for one in IDS for stage in Stage)
    assert len(house.decoder.decoded) == len(IDS)
    with database.connect() as connection:
        commits = connection.execute(sa.select(stage_commits.c.recording_number, stage_commits.c.run_id)).all()
        count = connection.execute(sa.select(sa.func.count()).select_from(words)).scalar()
    assert len(commits) == len(IDS) * len(Stage)
    assert all(len({run for number, run in commits if number == one}) == 1 for one, _ in commits)
    assert count == len(IDS) * 4 * 2


def test_a_run_that_begins_later_computes_again(house: House) -> None:
    house.run("a", IDS, FakeListener())
    house.run("b", IDS, FakeListener())
    assert len(house.decoder.decoded) == 2 * len(IDS)
    assert list(house.layout.in_flight.iterdir()) == []
