"""The parts under load, as plain processes over one data folder: PostgreSQL, `asr-pipeline up`, `asr-pipeline serve`.

The data folder lies on a tmpfs of its own where this user may mount one: its size is what disk pressure changes.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import sqlalchemy as sa
from archive import free_port

from asr_pipeline_tests.postgres import PostgresServer, postgres_server

MIB = 1 << 20
CONNECTIONS_MAX = 300  # as deploy/compose.yaml has it
LONGEST_START_S = 300
LONGEST_STOP_S = 180
ROOM_LEFT_BYTES = 512 * 1024
YOUNG_S = 3  # a process may still show its parent's command line
ROLES = {  # words of the command line; the first that fits
    "code server": ("dagster", "api grpc"),
    "code server's parent": ("dagster", "code-server start"),
    "daemon": ("dagster._daemon",),
    "webserver": ("dagster_webserver",),
    "supervisor": ("asr_pipeline up",),
    "dagster dev": ("dagster dev",),
    "gateway": ("asr_pipeline serve",),
    "engine's child": ("asr_pipeline.steps.isolated",),
    "helper": ("resource_tracker",),
}


class Disk:
    """A folder that is a file system of its own, if one may be mounted; else a folder like any other."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        self._size_bytes = size_bytes
        self._privilege = [] if os.geteuid() == 0 else ["sudo", "-n"]
        folder.mkdir()
        owner = f"size={size_bytes},uid={os.geteuid()},gid={os.getegid()},mode=700"
        self.is_own = self._run("mount", "-t", "tmpfs", "-o", owner, "tmpfs", str(folder))

    def squeeze(self) -> None:
        """Leave next to no room."""
        found = os.statvfs(self.folder)
        used_bytes = (found.f_blocks - found.f_bfree) * found.f_frsize
        self._resize(used_bytes + ROOM_LEFT_BYTES)

    def release(self) -> None:
        """Give the room back."""
        self._resize(self._size_bytes)

    def used_mib(self) -> int:
        """Give what is in use."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize // MIB

    def close(self) -> None:
        """Unmount it: what was in it is gone."""
        if self.is_own:
            self._run("umount", str(self.folder))

    def _resize(self, size_bytes: int) -> None:
        if not self._run("mount", "-o", f"remount,size={size_bytes}", str(self.folder)):
            raise OSError(f"{self.folder}: could not be made {size_bytes} bytes large")

    def _run(self, *command: str) -> bool:
        whole = [*self._privilege, *command]
        if shutil.which(whole[0]) is None:
            return False
        return subprocess.run(whole, capture_output=True, check=False).returncode == 0


@dataclass
class House:
    """What runs, and how to find its processes."""

    data_dir: Path
    logs: Path
    disk: Disk
    server: PostgresServer
    gateway_port: int = field(default_factory=free_port)
    ended: list[str] = field(default_factory=list)
    _running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _roles: dict[tuple[int, float], str | None] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start `up` or `serve`; what it prints is added to its log."""
        port = self.gateway_port if name == "serve" else free_port()
        with (self.logs / name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "asr_pipeline", name, "--port", str(port)], stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        """Kill it, with no chance to say a word; its children must notice by themselves."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def look_after(self) -> None:
        """Note a command that has ended by itself, and start it again."""
        for name, process in list(self._running.items()):
            if process.poll() is not None and self._running.get(name) is process:
                self.ended.append(f"`{name}` ended by itself, exit code {process.returncode}")
                self.start(name)

    def is_ready(self) -> bool:
        """Tell whether the gateway answers that it is ready."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.gateway_port}/health/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def processes(self) -> dict[str, list[psutil.Process]]:
        """Give all processes that work on this data folder, by role."""
        found = defaultdict(list)
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if (role := self._role(one)) is not None:
                    found[role].append(one)
        return found

    def stop(self) -> list[str]:
        """Stop both as Ctrl-C does; give what did not end by itself."""
        late = []
        for process in self._running.values():
            process.terminate()
        for name, process in self._running.items():
            try:
                process.wait(LONGEST_STOP_S)
            except subprocess.TimeoutExpired:
                late.append(name)
        self._running.clear()
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not self.processes(), "all processes gone", 30)
        for role, some in self.processes().items():
            for one in some:
                late.append(f"{role} {one.pid}")
                with contextlib.suppress(psutil.Error):
                    one.kill()
        return late

    def _role(self, one: psutil.Process) -> str | None:
        key = one.pid, one.create_time()
        if key not in self._roles or time.time() - key[1] < YOUNG_S:
            self._roles[key] = self._role_now(one)
        return None if self._roles[key] is None or one.status() == psutil.STATUS_ZOMBIE else self._roles[key]

    def _role_now(self, one: psutil.Process) -> str | None:
        if one.pid == os.getpid() or one.environ().get("ASR_PIPELINE_DATA_DIR") != str(self.data_dir):
            return None
        command = " ".join(one.cmdline())
        if "spawn_main" in command:
            parent = one.parent()
            below_server = parent is not None and "api grpc" in " ".join(parent.cmdline())
            return "run" if below_server else "worker"
        fitting = (role for role, words in ROLES.items() if all(word in command for word in words))
        return next(fitting, "other")


def wait_until(condition: Callable[[], bool], what: str, longest_s: float, every_s: float = 0.2) -> None:
    """Wait for something. Raises TimeoutError."""
    deadline_s = time.monotonic() + longest_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not within {longest_s:.0f} s")
        time.sleep(every_s)


@contextmanager
def house(work: Path, disk_bytes: int) -> Iterator[House]:
    """Start everything, and stop what still runs at the end. This process's environment names the database too."""
    for name in ("logs", "tmp"):
        (work / name).mkdir()
    disk = Disk(work / "disk", disk_bytes)
    data_dir = disk.folder / "data"
    try:
        with postgres_server(durable=True) as server:
            _allow_connections(server)
            os.environ |= {
                "ASR_PIPELINE_DATABASE_URL": server.url,
                "ASR_PIPELINE_DATA_DIR": str(data_dir),
                "ASR_PIPELINE_EXECUTOR": "dask",
                "TMPDIR": str(work / "tmp"),  # what is killed leaves things there
            }
            one = House(data_dir, work / "logs", disk, server)
            try:
                one.start("serve")
                wait_until(one.is_ready, "a gateway", LONGEST_START_S)
                one.start("up")
                yield one
            finally:
                one.stop()
    finally:
        disk.close()


def _allow_connections(server: PostgresServer) -> None:
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"ALTER SYSTEM SET max_connections = {CONNECTIONS_MAX}"))
    server.stop()
    server.start()
