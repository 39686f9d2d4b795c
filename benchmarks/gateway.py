"""The HTTP gateway under load: pollers and uploads at once, a large upload, reads of a note, a memo to Persian.

    python benchmarks/gateway.py [--write] [--pollers 500] [--uploads 50] [--large-mib 1024] [--memos 20] [--seconds 20]

`asr-pipeline serve` in a process of its own, one worker; the clients (`gateway_client.py`) in two others, which share
its cores. A poller asks once a second. The large upload is refused for its length once it is registered, so that
nothing but the upload is measured.
"""

import argparse
import datetime as dt
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from archive import REPOSITORY, free_port, machine, running, varied, write_section
from latency import engines_s

CLIENTS = 2  # processes
CONNECTIONS = 8  # of each, where they ask without a pause
MEMO_S = 5
LONGEST_WAIT_S = 900
MIB = 1 << 20
IN_WORK = {"queued", "transcribing", "translating"}


@contextmanager
def serving(data_dir: Path, **settings: str) -> Iterator[tuple[int, psutil.Process]]:
    """Serve a data folder; give the port and the process once it is ready, and end it as Ctrl-C does."""
    port = free_port()
    with running(data_dir, "serve", "--port", str(port), **settings) as process:
        wait_until(lambda: is_ready(port))
        yield port, psutil.Process(process.pid)


def is_ready(port: int) -> bool:
    """Tell whether a gateway answers that it is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", trust_env=False).is_success
    except httpx.TransportError:
        return False


def wait_until(condition: Any) -> None:  # noqa: ANN401 - what gives anything that may be true
    """Wait for something. Raises TimeoutError."""
    until_s = time.monotonic() + LONGEST_WAIT_S
    while not condition():
        if time.monotonic() > until_s:
            raise TimeoutError
        time.sleep(0.02)


@contextmanager
def client(port: int) -> Iterator[httpx.Client]:
    """Give a client for what is not timed by the microsecond."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=LONGEST_WAIT_S, trust_env=False) as made:
        yield made


def upload(asker: httpx.Client, file: Path) -> str:
    """Upload a file; give its id."""
    with file.open("rb") as content:
        answer = asker.post("/upload/", files={"audio": (file.name, content)})
    return str(answer.raise_for_status().json()["file_id"])


def status(asker: httpx.Client, file_id: str) -> str:
    """Ask how far a recording is."""
    return str(asker.get("/translation/", params={"file_id": file_id}).raise_for_status().json()["status"])


@dataclass
class Load:
    """What the clients' processes found."""

    seconds: float
    took_s: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def p99_ms(self) -> float:
        """Give what 99 of 100 answers took at most."""
        return 1000 * statistics.quantiles(self.took_s, n=100)[-1]

    def p50_ms(self) -> float:
        """Give the median."""
        return 1000 * statistics.median(self.took_s)


@contextmanager
def load(port: int, path: str, *, connections: int, seconds: float, every_s: float = 0) -> Iterator[Load]:
    """Have processes ask for a path while the block runs, and fill in what they found at its end."""
    found = Load(seconds)
    command = [sys.executable, str(Path(__file__).with_name("gateway_client.py")), str(port), path]
    command += ["--connections", str(connections), "--seconds", str(seconds), "--every-s", str(every_s)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(CLIENTS)]
    try:
        yield found
    finally:
        for process in processes:
            printed, _ = process.communicate()
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, command)
            one = json.loads(printed)
            found.took_s += one["took_s"]
            found.errors += one["errors"]


def pollers_and_uploads(port: int, memos: list[Path], *, pollers: int, seconds: float) -> list[str]:
    """Poll one recording while others are uploaded at once; give rows of the table."""
    first, *others = memos
    with client(port) as asker:
        seed = upload(asker, first)
        path = f"/translation/?file_id={seed}"
        with load(port, path, connections=pollers // CLIENTS, seconds=seconds, every_s=1) as found:
            time.sleep(2)  # until all poll
            began_s = time.perf_counter()
            with ThreadPoolExecutor(len(others)) as threads:
                ids = list(threads.map(lambda memo: upload(asker, memo), others))
            accepted_s = time.perf_counter() - began_s
            wait_until(lambda: all(status(asker, one) not in IN_WORK for one in ids))
            done_s = time.perf_counter() - began_s
        lost = len(others) - sum(status(asker, one) == "done" for one in set(ids))
    for error in found.errors[:5]:
        print(error, file=sys.stderr)
    if done_s > seconds:
        print(f"the uploads took {done_s:.0f} s, longer than the pollers asked: raise --seconds", file=sys.stderr)
    polled = (
        f"| {pollers} pollers, once a second | {len(found.took_s):,} reads, {len(found.errors)} errors; "
        f"median {found.p50_ms():.0f} ms, p99 {found.p99_ms():.0f} ms | no error |"
    )
    uploaded = (
        f"| {len(others)} uploads of {MEMO_S} s at once, meanwhile | {lost} lost; all accepted in {accepted_s:.1f} s, "
        f"all in Persian in {done_s:.1f} s | none lost |"
    )
    return [polled, uploaded]


def large_upload(port: int, server: psutil.Process, size_bytes: int) -> str:
    """Upload a large WAV, and watch the server's memory; give a row of the table."""
    head = wav_head(size_bytes)
    before, after = (
        b'--b\r\nContent-Disposition: form-data; name="audio"; filename="large.wav"\r\n\r\n',
        b"\r\n--b--\r\n",
    )
    piece = bytes(MIB)
    body = [before, head, *[piece] * (size_bytes // MIB), after]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_WAIT_S)
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(sum(len(part) for part in body)),
    }
    with watched(server) as memory:
        time.sleep(0.2)
        began_s = time.perf_counter()
        connection.request("POST", "/upload/", body=iter(body), headers=headers)
        answer = connection.getresponse()
        told = answer.read()
        took_s = time.perf_counter() - began_s
    connection.close()
    if answer.status != 202:
        raise ValueError(f"expected 202, found {answer.status} {told!r}")
    return (
        f"| an upload of {size_bytes // MIB:,} MiB | {took_s:.1f} s; memory {memory[0] / MIB:.0f} MiB before, "
        f"{max(memory) / MIB:.0f} MiB at its peak | flat memory |"
    )


def wav_head(size_bytes: int) -> bytes:
    """Give the header of a WAV of 16 kHz mono PCM."""
    parts = [b"RIFF", (size_bytes + 36).to_bytes(4, "little"), b"WAVEfmt ", (16).to_bytes(4, "little")]
    parts += [number.to_bytes(size, "little") for number, size in ((1, 2), (1, 2), (16_000, 4), (32_000, 4), (2, 2))]
    return b"".join([*parts, (16).to_bytes(2, "little"), b"data", size_bytes.to_bytes(4, "little")])


@contextmanager
def watched(server: psutil.Process) -> Iterator[list[int]]:
    """Note the resident memory of a process and its children, in bytes, while the block runs."""
    found: list[int] = []
    ended = threading.Event()

    def look() -> None:
        while True:
            found.append(sum(one.memory_info().rss for one in (server, *server.children(recursive=True))))
            if ended.wait(0.02):
                return

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def note_reads(port: int, server: psutil.Process, seconds: float) -> str:
    """Read one note without a pause; give a row of the table."""
    with client(port) as asker:
        made = asker.post("/api/v1/notes/", json={"title": "Garden", "original_text": "The camera is broken."})
        note_id = made.raise_for_status().json()["id"]
    before_s = cpu_s(server)
    with load(port, f"/api/v1/notes/{note_id}/", connections=CONNECTIONS, seconds=seconds) as found:
        pass
    each_ms = 1000 * (cpu_s(server) - before_s) / len(found.took_s)
    for error in found.errors[:5]:
        print(error, file=sys.stderr)
    return (
        f"| `GET` of a note, one worker, {CLIENTS * CONNECTIONS} connections | {len(found.took_s) / seconds:,.0f}/s, "
        f"{len(found.errors)} errors; median {found.p50_ms():.1f} ms, p99 {found.p99_ms():.1f} ms; "
        f"{each_ms:.2f} ms of CPU each | ≥ 1,000/s |"
    )


def cpu_s(server: psutil.Process) -> float:
    """Give the CPU seconds that a process has had."""
    found = server.cpu_times()
    return float(found.user + found.system)


def memos_to_persian(port: int, memos: list[Path]) -> str:
    """Upload memos one after another, each until it is in Persian; give a row of the table."""
    alone_s = engines_s(memos)
    took = []
    with client(port) as asker:
        for memo in memos:
            began_s = time.perf_counter()
            file_id = upload(asker, memo)
            wait_until(lambda one=file_id: status(asker, one) not in IN_WORK)
            took.append(time.perf_counter() - began_s)
    median_s = statistics.median(took)
    return (
        f"| a {MEMO_S} s memo, from upload to Persian, {len(memos)} one after another | median {median_s:.2f} s, "
        f"slowest {max(took):.2f} s; {median_s - alone_s:.2f} s above the engines' {alone_s:.2f} s | ≤ 1.5 s above |"
    )


def main() -> None:
    """Measure, print, and write the table into docs/performance.md."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--pollers", type=int, default=500)
    arguments.add_argument("--uploads", type=int, default=50)
    arguments.add_argument("--large-mib", type=int, default=1024)
    arguments.add_argument("--memos", type=int, default=20)
    arguments.add_argument("--seconds", type=float, default=20)
    asked = arguments.parse_args()
    rows = ["| load | found | wanted |", "|---|---|---|"]

    def found(*some: str) -> None:
        rows.extend(some)
        print(*some, sep="\n", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        made = sorted(varied(Path(folder) / "memos", asked.uploads + 1 + asked.memos, MEMO_S).iterdir())
        many, one_by_one = made[: asked.uploads + 1], made[asked.uploads + 1 :]
        with serving(Path(folder) / "data") as (port, server):
            found(memos_to_persian(port, one_by_one))
            found(note_reads(port, server, asked.seconds))
            found(*pollers_and_uploads(port, many, pollers=asked.pollers, seconds=3 * asked.seconds))
        with serving(Path(folder) / "large", max_duration_s="60") as (port, server):
            found(large_upload(port, server, asked.large_mib * MIB))
    text = "\n".join([*rows, "", f"{dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine()}."])
    if asked.write:
        write_section(REPOSITORY / "docs" / "performance.md", "gateway", text)


if __name__ == "__main__":
    main()
