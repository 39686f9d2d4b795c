"""Whole processes, killed and at once: nothing is lost, nothing done twice, nothing mixed, nothing left behind."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import sqlalchemy as sa

from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.tables import span_results, stage_commits
from asr_pipeline.wiring.pipeline import open_pipeline
from asr_pipeline_tests.archives import write_memo
from asr_pipeline_tests.e2e.tell_tale import GLUTTON

pytestmark = [pytest.mark.e2e, pytest.mark.engine, pytest.mark.fault]
REPOSITORY = Path(__file__).resolve().parents[2]
RATE_HZ = 16_000
WAIT_MAX_S = 600
MEMOS = 8
RUN_RETRIES = 2  # as dagster.yaml has it
MEMORY_BYTES = 4 << 30


@dataclass
class Ended:
    """A process that has ended, and what it said."""

    code: int
    lines: list[list[str]] = field(default_factory=list)

    def said(self, word: str) -> list[list[str]]:
        return [line[1:] for line in self.lines if line[0] == word]


@dataclass(frozen=True)
class House:
    """An installation in a folder of its own, and processes that work on it."""

    data_dir: Path
    settings: tuple[tuple[str, str], ...] = ()
    memory_bytes: int = resource.RLIM_INFINITY

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"ASR_PIPELINE_DATA_DIR": str(self.data_dir)} | dict(self.settings)

    def register(self, *files: Path) -> list[str]:
        with open_pipeline(load_settings(data_dir=self.data_dir)) as pipeline:
            return [pipeline.register(file).recording_id for file in files]

    def run(self, run_id: str, *, kill_after: tuple[str, int] | None = None) -> Ended:
        """Run a flow process, to its end or until it has said a word so many times."""
        command = [sys.executable, "-m", "asr_pipeline_tests.e2e.flow_process", run_id]
        ended = Ended(0)
        with subprocess.Popen(
            command,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            preexec_fn=self._limit,  # noqa: PLW1509 - no thread has been started here
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                ended.lines.append(line.split())
                if kill_after and len(ended.said(kill_after[0])) >= kill_after[1]:
                    process.kill()
                    break
            ended.lines += [line.split() for line in process.stdout]
            ended.code = process.wait(WAIT_MAX_S)
        return ended

    def _limit(self) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (self.memory_bytes, self.memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def run_until_it_lives(self) -> tuple[Ended, int]:
        """Run flow processes until one comes to its end by itself; give that, and how many died before."""
        deaths = 0
        while (ended := self.run(f"run-{deaths}" if deaths else "first")).code:
            assert ended.code < 0
            deaths += 1
            assert deaths <= RUN_RETRIES
        return ended, deaths

    def states(self) -> tuple[dict[str, RecordingState], list[str]]:
        """Give where each recording stands, and why those stand there that failed."""
        with open_pipeline(load_settings(data_dir=self.data_dir)) as pipeline:
            rows = pipeline.store.rows()
        return {row.recording.recording_id: row.state for row in rows}, [row.reason for row in rows if row.reason]

    def found(self) -> "dict[str, tuple[object, ...]]":
        """Give all that is known of every recording, and what its subtitle files say."""
        with open_pipeline(load_settings(data_dir=self.data_dir)) as pipeline:
            store = pipeline.store
            found: dict[str, tuple[object, ...]] = {}
            for row in store.rows():
                one = row.recording.recording_id
                assert row.state is RecordingState.DONE, row
                transcript, sets, files = store.transcript(one), store.translations(one), store.subtitles(one)
                assert transcript is not None
                assert all(len(each.translations) == len(transcript.utterances) for each in sets)
                texts = [pipeline.layout.absolute(file.path).read_text() for file in files]
                found[one] = (store.audio(one), store.segments(one), transcript, sets, files, texts)
            return found

    def assert_nothing_is_left_behind(self) -> None:
        with open_pipeline(load_settings(data_dir=self.data_dir)) as pipeline:
            with pipeline.database.connect() as connection:
                assert connection.execute(sa.select(sa.func.count()).select_from(span_results)).scalar() == 0
            assert list(pipeline.layout.in_flight.iterdir()) == []
            assert [file for file in self.data_dir.rglob(".*") if file.name.startswith(".partial-")] == []


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "data")


@pytest.fixture(scope="module")
def memos(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> list[Path]:
    """Give eight short recordings of two samples."""
    folder = tmp_path_factory.mktemp("memos")
    originals = sorted(samples.glob("*.wav"))[:2]
    return [write_memo(originals[number % 2], folder / f"memo-{number}.wav", number) for number in range(MEMOS)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, memos: list[Path]) -> dict[str, tuple[object, ...]]:
    house = House(tmp_path_factory.mktemp("undisturbed"))
    house.register(*memos)
    assert house.run("first").code == 0
    return house.found()


def test_killed_at_any_moment_a_run_goes_on_and_ends_as_if_undisturbed(
    house: House, memos: list[Path], undisturbed: dict[str, tuple[object, ...]]
) -> None:
    house.register(*memos)
    moments = random.Random(7)  # noqa: S311 - no secret
    runs = ["first", "second", "third"]
    for run_id in runs:
        word, times = moments.choice(["done", "recognised"]), moments.randint(1, 8)
        assert house.run(run_id, kill_after=(word, times)).code == -signal.SIGKILL
    last = house.run("last")
    assert last.code == 0
    assert last.said("end") == [[str(MEMOS), "0"]]
    assert house.found() == undisturbed
    house.assert_nothing_is_left_behind()
    with open_pipeline(load_settings(data_dir=house.data_dir)) as pipeline, pipeline.database.connect() as connection:
        of_runs = Counter(connection.execute(sa.select(stage_commits.c.run_id)).scalars())
    assert of_runs.total() == MEMOS * len(Stage)
    assert set(of_runs) - {"last"}  # what was committed before was not computed again


@pytest.fixture
def long_talk(tmp_path: Path, samples: Path) -> Path:
    """Give two minutes: samples one after another."""
    parts = [soundfile.read(file, dtype="int16")[0] for file in sorted(samples.glob("*.wav"))]
    whole = np.concatenate([part for part in parts for _ in range(20)])[: 120 * RATE_HZ]
    soundfile.write(tmp_path / "long talk.wav", whole, RATE_HZ)
    return tmp_path / "long talk.wav"


def test_a_long_recording_goes_on_at_its_first_missing_span(house: House, long_talk: Path, tmp_path: Path) -> None:
    house = replace(house, settings=(("ASR_PIPELINE_SPAN_TARGET_S", "10"),))
    (recording_id,) = house.register(long_talk)
    killed = house.run("first", kill_after=("heard", 4))
    assert killed.code == -signal.SIGKILL
    with open_pipeline(load_settings(data_dir=house.data_dir)) as pipeline, pipeline.database.connect() as connection:
        kept = set(connection.execute(sa.select(span_results.c.span_index)).scalars())
    assert len(kept) >= 4
    second = house.run("second")
    assert second.code == 0
    recognised = {int(index) for _, index in second.said("recognised")}
    assert recognised
    assert not recognised & kept
    assert len(second.said("recognised")) == len(recognised)
    assert recognised | kept == set(range(len(recognised) + len(kept)))
    house.assert_nothing_is_left_behind()

    other = replace(house, data_dir=tmp_path / "uninterrupted")
    other.register(long_talk)
    assert other.run("first").code == 0
    assert house.found() == other.found()
    assert list(house.found()) == [recording_id]


def test_a_recording_that_kills_the_process_is_quarantined_alone(
    house: House, memos: list[Path], tmp_path: Path
) -> None:
    poison = write_memo(memos[0], tmp_path / "poison.wav", MEMOS)
    good = house.register(*memos[:2])
    (bad,) = house.register(poison)
    good += house.register(*memos[2:4])
    ended, deaths = house.run_until_it_lives()
    assert deaths
    assert ended.said("failed") == [[bad, "EngineCrashed"]]
    states, (reason,) = house.states()
    assert states == dict.fromkeys(good, RecordingState.DONE) | {bad: RecordingState.QUARANTINED}
    assert "SIGKILL" in reason

    # tried again by hand, it kills nobody: it has been condemned
    again = house.run("again")
    assert again.code == 0
    assert again.said("failed") == [[bad, "EngineCrashed"]]


def test_a_recording_that_takes_all_memory_is_quarantined_alone(
    house: House, memos: list[Path], tmp_path: Path
) -> None:
    house = replace(house, memory_bytes=MEMORY_BYTES)
    good = house.register(*memos[:2])
    (bad,) = house.register(write_memo(memos[0], tmp_path / f"{GLUTTON}.wav", MEMOS))
    good += house.register(*memos[2:5])
    ended, _ = house.run_until_it_lives()
    assert ended.said("end") == [[str(len(good)), "1"]]
    states, (reason,) = house.states()
    assert states == dict.fromkeys(good, RecordingState.DONE) | {bad: RecordingState.QUARANTINED}
    assert "3 times: it ran out of memory" in reason


def test_two_commands_at_once_on_the_same_files_do_the_work_once(
    house: House, memos: list[Path], undisturbed: dict[str, tuple[object, ...]]
) -> None:
    command = [sys.executable, "-m", "asr_pipeline", "process", *map(str, memos[:4]), "--json"]
    with _printing(command, house) as first, _printing(command, house) as second:
        printed = [process.communicate(timeout=WAIT_MAX_S) for process in (first, second)]
    assert (first.returncode, second.returncode) == (0, 0), printed
    both = [json.loads(out)["recordings"] for out, _ in printed]
    assert both[0] == both[1]
    assert len(both[0]) == 4
    found = house.found()
    assert found == {one: undisturbed[one] for one in found}
    house.assert_nothing_is_left_behind()
    with open_pipeline(load_settings(data_dir=house.data_dir)) as pipeline:
        rows = pipeline.store.last_commits([row.recording.recording_id for row in pipeline.store.rows()])
    for one, commits in rows.items():
        assert len({commit.mark.split()[0] for commit in commits.values()}) == 1, one  # by one of the two, whole


def _printing(command: list[str], house: House) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command, env=house.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
