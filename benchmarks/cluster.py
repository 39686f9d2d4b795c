"""A cluster: speed-up from one worker to two, what a span costs the scheduler, and many workers that only sleep.

    python benchmarks/cluster.py [--write] [--recordings 20] [--seconds 60] [--spans 4000] [--workers 100 300 1000]

Scheduler and workers are processes, started as people start them. The simulated workers are Dask's own, many in one
process, with one thread each; their spans sleep. What they cost is theirs: the scheduler's processor time is measured
in its own process.
"""

import argparse
import asyncio
import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import distributed
import psutil
from archive import REPOSITORY, free_port, machine, running, varied, write_section
from cluster_workers import a_span, nap
from distributed import Client

from asr_pipeline.domain.stage import Stage
from asr_pipeline.engines.cluster.setup import TASK, set_defaults
from asr_pipeline.engines.recognizer import VoskTranscriber
from asr_pipeline.ports import RunContext
from asr_pipeline.settings import load_settings
from asr_pipeline.storage.models import starter_dir
from asr_pipeline.wiring.cluster import recogniser_of
from asr_pipeline.wiring.pipeline import open_pipeline

LOOK_S = 0.1
LONGEST_START_S = 300
NAP_S = 10.0


class Silent:
    """Hears nothing."""

    def speech_recognised(self, *_: object) -> None:
        """Ignore."""

    def stage_done(self, *_: object) -> None:
        """Ignore."""

    def recording_failed(self, _recording_id: str, _stage: Stage, error: Exception) -> None:
        """Stop: what fails is no measurement."""
        raise error


@dataclass
class Scheduler:
    """A scheduler in a process of its own."""

    address: str
    process: psutil.Process

    def cpu_s(self) -> float:
        """Give the processor time that it has taken."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextmanager
def scheduler(folder: Path) -> Iterator[Scheduler]:
    """Run a scheduler."""
    port = free_port()
    with running(folder, "scheduler", "--port", str(port), "--http-port", "0") as process:
        yield Scheduler(f"127.0.0.1:{port}", psutil.Process(process.pid))


async def connected(address: str, workers: int) -> Client:
    """Connect once there are so many workers."""
    client: Client = await Client(f"tcp://{address}", asynchronous=True, set_as_default=False, timeout=LONGEST_START_S)
    await client.wait_for_workers(workers, timeout=LONGEST_START_S)
    return client


async def leave_once_there(address: str, workers: int) -> None:
    """Wait for workers."""
    await (await connected(address, workers)).close()


def speed_up(recordings: int, seconds: float) -> list[float]:
    """Give the seconds that recognition of the same recordings takes with one worker, and with two."""
    took = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as place, scheduler(Path(place)) as at:
            data_dir = Path(place) / "data"
            with running(data_dir, "worker", f"dask://{at.address}", "--threads", "1"):
                second = running(data_dir, "worker", f"dask://{at.address}", "--threads", "1")
                with second if workers > 1 else nullcontext():
                    asyncio.run(leave_once_there(at.address, workers))
                    took.append(
                        recognised(
                            data_dir, at.address, sorted(varied(Path(place) / "in", recordings, seconds).iterdir())
                        )
                    )
    return took


def recognised(data_dir: Path, address: str, files: list[Path]) -> float:
    """Decode and cut; then give the seconds that recognition takes."""
    settings = load_settings(data_dir=data_dir, executor=f"dask://{address}")
    with open_pipeline(settings) as pipeline:
        ids = [pipeline.register(file).recording_id for file in files]
        pipeline.flow(Silent(), RunContext("cut", "cut")).run(ids, [Stage.RAW_AUDIO, Stage.SEGMENTS])
        pipeline.preload()
        began_s = time.perf_counter()
        pipeline.flow(Silent(), RunContext("hear", "hear")).run(ids, [Stage.TRANSCRIPTS])
        return time.perf_counter() - began_s


@contextmanager
def simulated(address: str, workers: int) -> Iterator[None]:
    """Run workers that can sleep, in two processes."""
    halves = [workers // 2, workers - workers // 2]
    command = [sys.executable, str(Path(__file__).with_name("cluster_workers.py")), address]
    processes = [subprocess.Popen([*command, str(half)], stderr=subprocess.DEVNULL) for half in halves]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


async def _slept(address: str, workers: int, spans: int, nap_s: float) -> float:
    """Give the seconds that spans take, twice as many under way as there are workers."""
    client = await connected(address, workers)
    recogniser = recogniser_of(VoskTranscriber(starter_dir() / "vosk-model-starter-en"))
    free = asyncio.Semaphore(2 * workers)

    async def one(index: int) -> None:
        async with free:
            future = client.submit(
                nap,
                recogniser,
                a_span(index),
                None,
                nap_s,
                key=f"{TASK}-{nap_s}-{index}",
                pure=False,
                priority=-index % 7,
            )
            await future
            future.release()

    began_s = time.perf_counter()
    await asyncio.gather(*(one(index) for index in range(spans)))
    took_s = time.perf_counter() - began_s
    await client.close()
    return took_s


def cost(spans: int) -> tuple[float, float]:
    """Give the scheduler's processor time a span, and spans a second, where spans take no time."""
    with tempfile.TemporaryDirectory() as place, scheduler(Path(place)) as at, simulated(at.address, 8):
        asyncio.run(leave_once_there(at.address, 8))
        before_s = at.cpu_s()
        took_s = asyncio.run(_slept(at.address, 8, spans, 0))
        return (at.cpu_s() - before_s) / spans, spans / took_s


def sleeping(workers: int) -> tuple[float, float, float]:
    """Give spans a second of so many sleeping workers, as a part of the most, and how busy the scheduler was."""
    with tempfile.TemporaryDirectory() as place, scheduler(Path(place)) as at, simulated(at.address, workers):
        asyncio.run(leave_once_there(at.address, workers))
        before_s = at.cpu_s()
        took_s = asyncio.run(_slept(at.address, workers, 4 * workers, NAP_S))
        return 4 * workers / took_s, 4 * NAP_S / took_s, (at.cpu_s() - before_s) / took_s


def main() -> None:
    """Measure, print, and write the tables into docs/cluster.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--recordings", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=60)
    arguments.add_argument("--spans", type=int, default=4000)
    arguments.add_argument("--workers", type=int, nargs="*", default=[100, 300, 1000])
    asked = arguments.parse_args()
    # The scheduler reads the tasks that it passes on: it must find `nap`.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    set_defaults(wait_s=LONGEST_START_S, task_s=1)
    one_s, two_s = speed_up(asked.recordings, asked.seconds)
    span_s, a_second = cost(asked.spans)
    per_s = 1 / span_s
    told = f"""
{asked.recordings} recordings of {asked.seconds:g} s, recognition alone, a thread a worker:
{one_s:.1f} s with one worker, {two_s:.1f} s with two: {one_s / two_s:.2f} times as fast.
Run, scheduler and workers share the machine's cores.

A span costs the scheduler {1000 * span_s:.2f} ms of processor time ({asked.spans:,} spans that take no time;
{a_second:,.0f} a second, client and workers on the same cores). It uses one core; so on paper it is the limit at
{per_s:,.0f} spans a second: {0.6 * per_s:,.0f} threads where a span takes 0.6 s (30 s of speech, the starter model),
{6 * per_s:,.0f} where it takes 6 s (a larger model).

Simulated workers, spans that sleep {NAP_S:g} s:

| workers | spans a second | of the most | the scheduler's core |
|---|---|---|---|
"""
    lines = told.splitlines()
    for workers in asked.workers:
        rate, share, busy = sleeping(workers)
        lines.append(f"| {workers:,} | {rate:.1f} | {share:.0%} | {busy:.0%} busy |")
    versions = f"{machine()}, distributed {distributed.__version__}"
    lines += ["", f"{dt.datetime.now(dt.UTC).date()}; {versions}; `python benchmarks/cluster.py`"]
    text = "\n".join(lines)
    print(text)
    if asked.write:
        write_section(REPOSITORY / "docs" / "cluster.md", "cluster", text)


if __name__ == "__main__":
    main()
