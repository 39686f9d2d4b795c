"""The services of `deploy/compose.yaml` as plain processes: the very same commands, environments and health checks.

Each service has a loopback address of its own in place of its name, so that ports stay what they are. What a container
would mount lies in one folder. Nothing is shared with other stacks, which may run at the same time.
"""

import contextlib
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from asr_pipeline_tests.deploy.compose import DEPLOY, REPOSITORY, read

READY_MAX_S = 300
LOOK_EVERY_S = 0.5
ENDED_MAX_S = 60
LAST = ("scheduler", "worker")


@dataclass
class Stack:
    """Services, started and stopped. `variables` are what `init-env` wrote; `folder` holds all that they write."""

    folder: Path
    variables: dict[str, str]
    _running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give each service an address."""
        self.services: dict[str, dict[str, Any]] = read(self.variables)["services"]
        network = f"127.{random.randint(16, 254)}.{random.randint(0, 254)}"  # noqa: S311 - not to meet another stack
        self._addresses = {name: f"{network}.{10 + place}" for place, name in enumerate(self.services)}
        for name in ("data", "tmp", "logs", "etc"):
            (self.folder / name).mkdir(parents=True)
        workspace = (DEPLOY / "workspace.yaml").read_text()
        placed = workspace.replace("host: code", f"host: {self.address('code')}")
        (self.folder / "etc" / "workspace.yaml").write_text(placed)
        shutil.copy(DEPLOY / "monitoring" / "dask-logging.yaml", self.folder / "etc")
        self.secrets = Path(self.variables["ASR_SECRETS"])

    @property
    def data_dir(self) -> Path:
        """What containers have at /data."""
        return self.folder / "data"

    def address(self, service: str, instance: int = 0) -> str:
        """Give a service's address; further ones of a service that is scaled are beside it."""
        head, _, last = self._addresses[service].rpartition(".")
        return f"{head}.{int(last) + 100 * instance}"

    def environment(self, service: str) -> dict[str, str]:
        """Give a service's environment: what the file says, and what its image has."""
        own = {
            name: self._here(service, value) for name, value in self.services[service].get("environment", {}).items()
        }
        image = {"HOME": str(self.folder / "tmp"), "TMPDIR": str(self.folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
        scripts = sysconfig.get_path("scripts")
        return (
            {"PATH": f"{scripts}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY), "LANG": "C.UTF-8"} | image | own
        )

    def command(self, service: str, instance: int = 0) -> list[str]:
        """Give a service's command, its paths and addresses as they are here."""
        words = [self._here(service, word, instance) for word in self.services[service]["command"]]
        place = ["--host", self.address(service, instance)] if service == "worker" else []  # a container has one anyway
        return [self._program(words[0]), *words[1:], *place]

    def run(self, service: str, command: list[str] | None = None) -> str:
        """Run a command to its end in a service's place, its own if none is given; gives what it printed."""
        words = command or self.services[service]["command"]
        done = subprocess.run(
            [self._program(words[0]), *(self._here(service, word) for word in words[1:])],
            env=self.environment(service),
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            timeout=READY_MAX_S,
            check=False,
        )
        assert done.returncode == 0, f"{service}: {words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, service: str, instance: int = 0, environment: dict[str, str] | None = None) -> None:
        """Start a service."""
        name = f"{service}-{instance}"
        with (self.folder / "logs" / name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                self.command(service, instance),
                env=self.environment(service) | (environment or {}),
                cwd=self.data_dir,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_healthy(self, service: str, instance: int = 0) -> None:
        """Wait until its own health check says so; an end of the process, or too long a wait, is an AssertionError."""
        name, (how, *words) = f"{service}-{instance}", self.services[service]["healthcheck"]["test"]
        words = shlex.split(words[0]) if how == "CMD-SHELL" else words
        check = [self._program(words[0]), *(self._here(service, word, instance) for word in words[1:])]
        deadline_s = time.monotonic() + READY_MAX_S
        while True:
            assert self._running[name].poll() is None, f"{name} ended\n{self.log(name)}"
            environment = self.environment(service)
            looked = subprocess.run(
                check, env=environment, cwd=self.data_dir, capture_output=True, text=True, timeout=60, check=False
            )
            if looked.returncode == 0:
                return
            assert time.monotonic() < deadline_s, f"{name}\n{looked.stdout}{looked.stderr}\n{self.log(name)}"
            time.sleep(LOOK_EVERY_S)

    def log(self, name: str) -> str:
        """Give the end of what a service has printed."""
        return (self.folder / "logs" / name).read_text(errors="replace")[-6000:]

    def processes(self) -> list[psutil.Process]:
        """Give every process that services have started and that is still there."""
        ours = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if one.environ().get("TMPDIR") == str(self.folder / "tmp") and one.status() != psutil.STATUS_ZOMBIE:
                    ours.append(one)
        return ours

    def stop(self) -> list[str]:
        """Stop all services as an engine would, the cluster's after all others; gives what did not end by itself."""
        late = []
        for last in (False, True):
            wave = {name: one for name, one in self._running.items() if name.startswith(LAST) == last}
            for process in wave.values():
                process.send_signal(signal.SIGTERM)
            for name, process in wave.items():
                grace = self.services[name.rpartition("-")[0]].get("stop_grace_period", "10s")
                try:
                    process.wait(3 * int(grace.removesuffix("s")))  # this machine may be slower
                except subprocess.TimeoutExpired:
                    late.append(name)
        deadline_s = time.monotonic() + ENDED_MAX_S
        while self.processes() and time.monotonic() < deadline_s:
            time.sleep(LOOK_EVERY_S)
        for one in self.processes():
            with contextlib.suppress(psutil.Error):
                late.append(" ".join(one.cmdline())[:200])
                one.kill()
        for process in self._running.values():
            process.wait(ENDED_MAX_S)
        return late

    def _program(self, name: str) -> str:
        found = sys.executable if name == "python" else shutil.which(name, path=sysconfig.get_path("scripts"))
        assert found is not None, name
        return found

    def _here(self, service: str, text: str, instance: int = 0) -> str:
        """Put a service's places and those that it names to where they are here."""
        own = self.address(service, instance)
        text = text.replace("0.0.0.0", own).replace("127.0.0.1", own)  # noqa: S104 - to be replaced
        for name in sorted(self._addresses, key=len, reverse=True):
            text = re.sub(rf"(?<=://){re.escape(name)}(?=:\d)", self.address(name), text)
        for there, here in (("/run/secrets", self.secrets), ("/etc/asr-pipeline", self.folder / "etc")):
            text = text.replace(there, str(here))
        return re.sub(r"^/data(?=/|$)", str(self.data_dir), text)
