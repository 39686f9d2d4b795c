"""What the benchmarks share: the samples, long recordings joined from them, runs in a process of their own."""

import csv
import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from asr_pipeline.domain.segment import Segment
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline

REPOSITORY = Path(__file__).resolve().parent.parent
SAMPLES = REPOSITORY / "data" / "samples"
MODEL = REPOSITORY / "models" / "starter" / "vosk-model-starter-en"
RATE_HZ = 16_000
GAP_S = 1.0


@dataclass(frozen=True)
class Sample:
    """A sample recording and what is said in it."""

    path: Path
    text: str

    @property
    def pcm(self) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Its samples, 16 kHz mono."""
        samples, rate_hz = soundfile.read(self.path, dtype="int16")
        if rate_hz != RATE_HZ:
            raise ValueError(f"{self.path}: expected {RATE_HZ} Hz, found {rate_hz}")
        return np.asarray(samples, dtype=np.int16)


@dataclass(frozen=True)
class Run:
    """What a command took: seconds on the wall and of CPU, MiB at its peak, and what it printed."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    printed: str


def samples() -> list[Sample]:
    """Give the repository's sample recordings of one channel at 16 kHz, uncompressed."""
    with (SAMPLES / "samples.tsv").open(encoding="utf-8") as table:
        rows = csv.reader(table, delimiter="\t")
        return [Sample(SAMPLES / name, text) for name, _, _, text, _ in rows if name.endswith(".wav")]


def joined(destination: Path, duration_s: float) -> list[tuple[Sample, float]]:
    """Write samples one after another, a second apart, until `duration_s`; give each with its offset in seconds."""
    offsets: list[tuple[Sample, float]] = []
    gap = np.zeros(round(GAP_S * RATE_HZ), dtype=np.int16)
    with soundfile.SoundFile(destination, "w", RATE_HZ, 1, "PCM_16") as file:
        for sample in cycle(samples()):
            offset_s = file.frames / RATE_HZ
            if offset_s >= duration_s:
                return offsets
            offsets.append((sample, offset_s))
            file.write(sample.pcm)
            file.write(gap)
    return offsets


def varied(folder: Path, count: int, duration_s: float) -> Path:
    """Write recordings of a length that begin at different moments of the samples, each a little louder or softer.

    No two have the same bytes. What is said repeats, as it does in an archive of calls.
    """
    folder.mkdir(parents=True)
    gap = np.zeros(RATE_HZ // 2, dtype=np.int16)
    said = np.concatenate([part for sample in samples() for part in (sample.pcm, gap)])
    length = round(duration_s * RATE_HZ)
    for number in range(count):
        start = number * 37_777 % len(said)
        loudness = 0.6 + 0.4 * (number % 97) / 97
        pcm = np.take(said, np.arange(start, start + length), mode="wrap") * loudness
        soundfile.write(folder / f"r{number:05d}.wav", pcm.astype(np.int16), RATE_HZ)
    return folder


def run(command: list[str], *, data_dir: Path, **settings: str) -> Run:
    """Run this program's command line in a process of its own, and measure that process."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        whole = [sys.executable, "-m", "asr_pipeline", *command]
        process = subprocess.Popen(whole, env=_environment(data_dir, settings), stdout=output)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, printed)
    return Run(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed)


@contextmanager
def running(data_dir: Path, *command: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command of this program until the end of the block, and end it as Ctrl-C does."""
    with subprocess.Popen(
        [sys.executable, "-m", "asr_pipeline", *command],
        env=_environment(data_dir, settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _environment(data_dir: Path, settings: Mapping[str, str]) -> dict[str, str]:
    named = {f"ASR_PIPELINE_{name.upper()}": value for name, value in settings.items()}
    return os.environ | {"ASR_PIPELINE_DATA_DIR": str(data_dir)} | named


def results(finished: Run) -> list[dict[str, Any]]:
    """Give the recordings that `process --json` printed."""
    recordings: list[dict[str, Any]] = json.loads(finished.printed)["recordings"]
    return recordings


def segments(data_dir: Path, recording_id: str) -> list[Segment]:
    """Give the segments at which the pipeline cut a recording."""
    with open_pipeline(load_settings(data_dir=data_dir)) as pipeline:
        return pipeline.store.segments(recording_id)


def bare_words(pcm: bytes) -> Iterator[dict[str, Any]]:
    """Recognise with libvosk alone, as its own examples do, in one pass; give its words."""
    import vosk  # noqa: PLC0415 - only where it is measured

    vosk.SetLogLevel(-1)
    recognizer = vosk.KaldiRecognizer(_model(), RATE_HZ)
    recognizer.SetWords(True)  # noqa: FBT003 - the bindings take it by position
    for start in range(0, len(pcm), 8000):
        if recognizer.AcceptWaveform(pcm[start : start + 8000]):
            yield from json.loads(recognizer.Result()).get("result", [])
    yield from json.loads(recognizer.FinalResult()).get("result", [])


def _model() -> Any:  # noqa: ANN401 - the bindings carry no types
    import vosk  # noqa: PLC0415

    if "model" not in _loaded:
        _loaded["model"] = vosk.Model(str(MODEL))
    return _loaded["model"]


_loaded: dict[str, Any] = {}


def machine() -> str:
    """Describe the machine and the versions in one line."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("dagster", "vosk", "ctranslate2"))
    return f"{len(os.sched_getaffinity(0))} cores, {platform.machine()}, Python {platform.python_version()}, {packages}"


def write_section(document: Path, marker: str, text: str) -> None:
    """Replace what stands between `<!-- marker -->` and `<!-- /marker -->` of a document."""
    begin, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    old = document.read_text(encoding="utf-8")
    head, rest = old.split(begin, 1)
    _, tail = rest.split(end, 1)
    document.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")
