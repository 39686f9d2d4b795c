"""A data folder whose recordings a cluster recognises, and what threads make of the same."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.transcript import Utterance
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.steps.flow import FlowReport
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline
from asr_pipeline_tests.fakes import FakeListener

STAGES = (Stage.RAW_AUDIO, Stage.SEGMENTS, Stage.TRANSCRIPTS)
Texts = Mapping[str, list[Utterance]]  # by a file's name


@dataclass
class House:
    """An open pipeline and its recordings."""

    pipeline: Pipeline
    ids: list[str]
    listener: FakeListener

    def run(self) -> FlowReport:
        return self.pipeline.flow(self.listener, RunContext("run", "run")).run(self.ids, STAGES)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run while something happens, and then to the end; every recording is done then."""
        reports: list[FlowReport] = []
        thread = threading.Thread(target=lambda: reports.append(self.run()))
        thread.start()
        try:
            yield
        finally:
            thread.join()
        assert sorted(reports[0].done) == sorted(self.ids), reports[0].failed

    def texts(self) -> Texts:
        store = self.pipeline.store
        found = {}
        for one in self.ids:
            transcript = store.transcript(one)
            assert transcript is not None
            found[store.recording(one).name] = list(transcript.utterances)
        return found

    def assert_each_was_done_once(self) -> None:
        assert Counter(self.listener.done) == Counter({(one, stage): 1 for one in self.ids for stage in STAGES})
        assert not list(self.pipeline.verify().findings)


@contextmanager
def house(folder: Path, files: list[Path], **settings: object) -> Iterator[House]:
    chosen = load_settings(data_dir=folder, span_target_s=1, attempts=1, **settings)
    with open_pipeline(chosen) as pipeline:
        yield House(pipeline, [pipeline.register(file).recording_id for file in files], FakeListener())


def texts_of_threads(folder: Path, files: list[Path]) -> Texts:
    """Give what threads make of files."""
    with house(folder, files) as here:
        assert sorted(here.run().done) == sorted(here.ids)
        return here.texts()


def shared(folder: Path) -> str:
    """Give an address to share audio at."""
    return f"file://{folder / 'shared'}"
