"""What a recording costs, in counts: a guard against overhead that creeps in, without a clock.

Whoever raises a figure on purpose should say in docs/performance.md what it buys.
"""

import math
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import dagster as dg
import numpy as np
import pytest
import soundfile
import sqlalchemy as sa
import vosk

from asr_pipeline.defs.checks import CHECKS
from asr_pipeline.defs.instance import open_instance
from asr_pipeline.domain.audio import SAMPLE_RATE_HZ
from asr_pipeline.domain.stage import Stage
from asr_pipeline.engines import argos, canonical_audio, recognizer
from asr_pipeline.lane import Lane
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline

pytestmark = [pytest.mark.e2e, pytest.mark.engine]

STATEMENTS_A_RECORDING = 62  # of our database, from the claim to the last commit; 12 of them for search and corrections
STATEMENTS_A_RUN = 12  # 2 of them for what monitoring reads
EVENTS_A_RUN = 30
EVENT_BYTES_A_RECORDING = 30_000  # pictures and all
MIB = 2**20


@dataclass
class House:
    pipeline: Pipeline
    instance: dg.DagsterInstance
    lane: Lane

    def run(self, files: list[Path]) -> list[str]:
        """Run new recordings; gives their ids."""
        ids = self.register(files)
        self.lane.run(ids)
        return ids

    def register(self, files: list[Path]) -> list[str]:
        return [self.pipeline.register(file).recording_id for file in files]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with (
        open_pipeline(load_settings(data_dir=tmp_path / "data", workers=1)) as pipeline,
        open_instance(pipeline.layout.dagster_home) as instance,
        Lane(pipeline, instance) as lane,
    ):
        yield House(pipeline, instance, lane)


@pytest.fixture
def memos(tmp_path: Path, samples: Path) -> list[Path]:
    """Ten files with the same sound and other bytes."""
    made = []
    for number in range(10):
        copy = tmp_path / f"memo-{number}.wav"
        shutil.copy(samples / "phrases-1.wav", copy)
        with copy.open("ab") as file:
            file.write(bytes(number + 1))
        made.append(copy)
    return made


def counting(counter: Counter[str], name: str, do: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for any function
        counter[name] += 1
        return do(*arguments, **named)

    return counted


def test_statements_a_recording_and_a_run(house: House, memos: list[Path]) -> None:
    house.pipeline.tallies._keep_every_s = math.inf  # or a slow machine would count what is kept by the clock
    house.run(memos[:1])  # translates what the others find in the memory
    statements: list[str] = []
    sa.event.listen(house.pipeline.database, "before_cursor_execute", lambda *given: statements.append(given[2]))
    counts = {}
    for some in (memos[1:3], memos[3:9]):
        ids = house.register(some)
        statements.clear()
        house.lane.run(ids)
        counts[len(some)] = len(statements)
    a_recording = (counts[6] - counts[2]) / 4
    assert 5 <= a_recording <= STATEMENTS_A_RECORDING
    assert counts[2] - 2 * a_recording <= STATEMENTS_A_RUN


def test_events_a_recording_and_a_run(house: House, memos: list[Path]) -> None:
    house.run(memos[:6])
    (run,) = house.instance.get_runs()
    kinds = Counter(
        entry.dagster_event.event_type
        for entry in house.instance.all_logs(run.run_id)
        if entry.dagster_event is not None
    )
    of_recordings = {
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED: 6 * len(Stage),
        dg.DagsterEventType.ASSET_MATERIALIZATION: 6 * len(Stage),
        dg.DagsterEventType.ASSET_CHECK_EVALUATION: 6 * len(CHECKS),
    }
    assert {kind: kinds[kind] for kind in of_recordings} == of_recordings
    assert kinds.total() - sum(of_recordings.values()) <= EVENTS_A_RUN
    size = sum(len(dg.serialize_value(entry)) for entry in house.instance.all_logs(run.run_id))
    assert size <= 6 * EVENT_BYTES_A_RECORDING + 100_000


def test_models_are_loaded_once_a_process(house: House, memos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    loads: Counter[str] = Counter()
    recognizer._load.cache_clear()
    monkeypatch.setattr(argos, "_models", {})
    monkeypatch.setattr(vosk, "Model", counting(loads, "recognizer", vosk.Model))
    monkeypatch.setattr(ctranslate2, "Translator", counting(loads, "translator", ctranslate2.Translator))
    house.run(memos[:2])
    house.run(memos[2:5])
    assert loads == {"recognizer": 1, "translator": 1}


@pytest.mark.parametrize(("kept", "times"), [(True, 0), (False, 2)])
def test_canonical_audio_of_a_short_recording_is_not_read_again(
    house: House,
    memos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    kept: bool,  # noqa: FBT001
    times: int,
) -> None:
    """What is too long to be kept is read twice: to find pauses, and to recognise what lies between them."""
    frames = 0
    read = soundfile.SoundFile.read

    def reading(self: Any, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - stands for soundfile's
        nonlocal frames
        found = read(self, *given, **named)
        frames += len(found)
        return found

    monkeypatch.setattr(soundfile.SoundFile, "read", reading)
    if not kept:
        monkeypatch.setattr(canonical_audio, "LONGEST_KEPT_BYTES", 0)
    ids = house.run(memos[:3])
    samples = SAMPLE_RATE_HZ * sum(row.duration_s or 0.0 for row in house.pipeline.store.rows(ids))
    assert max(0, times - 1) * samples <= frames <= times * samples


def test_memory_does_not_grow_with_the_length_of_a_recording(house: House, tmp_path: Path) -> None:
    """Python's and numpy's; of a recording that is noise, decoded and cut."""
    peaks = {}
    noise = np.random.default_rng(1).normal(0, 1000, 60 * SAMPLE_RATE_HZ).astype(np.int16)
    decoder, detector = house.pipeline.tools.decoder, house.pipeline.tools.detector
    for minutes in (1, 2, 20):  # the first time more is imported
        source = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(source, "w", SAMPLE_RATE_HZ, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(noise)
        tracemalloc.start()
        decoder.decode(source, tmp_path / "canonical.flac")
        list(detector.detect(tmp_path / "canonical.flac"))
        peaks[minutes] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[20] < peaks[2] + 2 * MIB
