"""What a recording costs, how long a run takes to start, and how long the UI's asset page, as an archive grows.

python benchmarks/archive_scale.py [--write] [--sizes 100 10000 100000]

All but 50 recordings are registered, and done, without files: in SQL and as partitions. 50 memos of 3 s are run
through all stages three times a size, the sizes in turn, because other programs may be busy; the fastest counts.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import soundfile
import sqlalchemy as sa
from archive import RATE_HZ, REPOSITORY, machine, samples, write_section

from asr_pipeline.definitions import build_defs
from asr_pipeline.defs.backlog import unfinished
from asr_pipeline.defs.instance import add_partitions, open_instance, run_in_process
from asr_pipeline.defs.resources import NoProgress
from asr_pipeline.domain.recording import Recording, recording_id
from asr_pipeline.domain.results import RecordingResults
from asr_pipeline.domain.stage import Stage
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.importing import Importer, Keeping
from asr_pipeline.storage.tables import recordings, stage_commits
from asr_pipeline.wiring.pipeline import Pipeline, open_pipeline

MEMOS = 50
MEMO_S = 3
ROUNDS = 3
PAGE = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionKeysByDimension { name partitionKeys } partitionStats { numMaterialized numPartitions numFailed }
  assetPartitionStatuses { ... on DefaultPartitionStatuses {
    materializedPartitions materializingPartitions failedPartitions unmaterializedPartitions } } } } }"""


@dataclass
class FirstStage(NoProgress):
    """Notes when the first result came."""

    at_s: float = 0.0
    at_cpu_s: float = 0.0

    def stage_done(self, stage: Stage, results: RecordingResults) -> None:  # noqa: ARG002 - the port's signature
        """Note it."""
        self.at_s = self.at_s or time.perf_counter()
        self.at_cpu_s = self.at_cpu_s or time.process_time()


class Registered:
    """Makes partitions of what an import registers."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self.ids: list[str] = []

    def file_done(self, size_bytes: int) -> None:
        """Ignore."""

    def file_failed(self, path: str, error: Exception) -> None:  # noqa: ARG002 - the port's signature
        """Stop: the benchmark's files are good."""
        raise error

    def registered(self, recording_ids: list[str]) -> None:
        """Make the partitions."""
        self.ids += recording_ids
        add_partitions(self._instance, recording_ids)


@dataclass
class House:
    """An installation with so many recordings, and what was measured in it, in seconds."""

    size: int
    pipeline: Pipeline
    instance: dg.DagsterInstance
    memo_ids: list[str]
    start_s: float = float("inf")
    start_cpu_s: float = float("inf")
    wall_s: float = float("inf")
    cpu_s: float = float("inf")
    plan_s: float = 0.0
    page_s: float = 0.0

    def run_memos(self) -> None:
        """Run the memos through all stages, and keep the fastest times."""
        first = FirstStage()
        job = build_defs(progress=first).resolve_job_def("process_recordings")
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        run_in_process(job, self.instance, self.memo_ids)
        self.wall_s = min(self.wall_s, (time.perf_counter() - began_s) / MEMOS)
        self.cpu_s = min(self.cpu_s, (time.process_time() - began_cpu_s) / MEMOS)
        self.start_s = min(self.start_s, first.at_s - began_s)
        self.start_cpu_s = min(self.start_cpu_s, first.at_cpu_s - began_cpu_s)


def memos(folder: Path) -> list[Path]:
    """Write memos of different bytes: the samples' first seconds, with a chunk after the audio that is ignored."""
    paths = [folder / f"memo-{number}.wav" for number in range(MEMOS)]
    for number, path in enumerate(paths):
        sample = samples()[number % len(samples())]
        soundfile.write(path, sample.pcm[: MEMO_S * RATE_HZ], RATE_HZ, subtype="PCM_16")
        with path.open("ab") as file:
            file.write(b"note" + (4).to_bytes(4, "little") + number.to_bytes(4, "little"))
    return paths


def synthetic(count: int) -> Iterator[list[Recording]]:
    """Give recordings without files, a thousand at a time."""
    for start in range(0, count, 1000):
        batch = []
        for number in range(start, min(start + 1000, count)):
            sha256 = hashlib.sha256(str(number).encode()).hexdigest()
            batch.append(Recording(recording_id("none.wav", sha256), sha256, 1, "none.wav", f"originals/{sha256}"))
        yield batch


def build(size: int, folder: Path, stack: ExitStack) -> House:
    """Make a house with `size` recordings, memos included."""
    data_dir = folder / str(size)
    pipeline = stack.enter_context(open_pipeline(load_settings(data_dir=data_dir)))
    instance = stack.enter_context(open_instance(data_dir / "dagster"))
    for batch in synthetic(size - MEMOS):
        pipeline.store.register(batch)
        add_partitions(instance, [one.recording_id for one in batch])
    _mark_done(pipeline)
    listener = Registered(instance)
    importer: Importer = pipeline.importer(Keeping.IN_PLACE)
    importer.run(memos(folder), listener)  # type: ignore[arg-type]
    return House(size, pipeline, instance, listener.ids)


def _mark_done(pipeline: Pipeline) -> None:
    """Give every recording the commits of all stages, made with what is used today."""
    made_with = pipeline.made_with()
    with writing(pipeline.database) as connection:
        for stage in Stage:
            values = [sa.literal(text) for text in (stage.value, "none", "none")]
            moment = sa.literal(dt.datetime.now(dt.UTC), stage_commits.c.committed_at.type)
            rows = sa.select(recordings.c.number, *values, moment, sa.literal(made_with[stage]))
            columns = ["recording_number", "stage", "run_id", "root_run_id", "committed_at", "made_with"]
            connection.execute(sa.insert(stage_commits).from_select(columns, rows))
        connection.execute(sa.update(recordings).values(state="done"))


def page_s(house: House) -> float:
    """Start the web server over a house, and give the median time of the asset page's queries."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data_dir = house.pipeline.layout.data_dir
    command = [sys.executable, "-m", "dagster_webserver", "-m", "asr_pipeline.definitions", "-p", str(port)]
    environment = os.environ | {
        "DAGSTER_HOME": str(house.pipeline.layout.dagster_home),
        "ASR_PIPELINE_DATA_DIR": str(data_dir),
    }
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            ask(port, wait_s=300)
            times = []
            for _ in range(5):
                began_s = time.perf_counter()
                ask(port)
                times.append(time.perf_counter() - began_s)
        finally:
            server.send_signal(signal.SIGINT)
    return sorted(times)[2]


def ask(port: int, wait_s: float = 0) -> None:
    """Ask what the page of `subtitles` asks, until it answers."""
    body = json.dumps({"query": PAGE, "variables": {"key": {"path": ["subtitles"]}}}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own process
                node = json.load(answer)["data"]["assetNodeOrError"]
            if node.get("partitionStats"):
                return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
        time.sleep(0.5)


def main() -> None:
    """Measure, and print or write the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--sizes", type=int, nargs="+", default=[100, 10_000, 100_000])
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        houses = [build(size, Path(folder), stack) for size in given.sizes]
        for house in houses:
            os.environ["ASR_PIPELINE_DATA_DIR"] = str(house.pipeline.layout.data_dir)
            run_in_process(build_defs().resolve_job_def("process_recordings"), house.instance, house.memo_ids[:1])
        for _ in range(ROUNDS):
            for house in houses:
                os.environ["ASR_PIPELINE_DATA_DIR"] = str(house.pipeline.layout.data_dir)
                house.run_memos()
        for house in houses:
            began_s = time.perf_counter()
            unfinished(house.instance)
            house.pipeline.stale()
            house.plan_s = time.perf_counter() - began_s
            house.page_s = page_s(house)
        rows = [
            f"| {house.size:,} | {house.cpu_s * 1000:,.0f} ms | {house.wall_s * 1000:,.0f} ms "
            f"| {house.start_cpu_s:.2f} s | {house.start_s:.2f} s "
            f"| {house.plan_s * 1000:,.0f} ms | {house.page_s:.2f} s |"
            for house in houses
        ]
    text = "\n".join(
        [
            "| registered | CPU a recording | wall | CPU to the first result | wall | what is stale | asset page |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"{dt.datetime.now(dt.UTC).date()}; {machine()}.",
        ]
    )
    print(text)
    if given.write:
        write_section(REPOSITORY / "docs" / "performance.md", "archive", text)


if __name__ == "__main__":
    main()
