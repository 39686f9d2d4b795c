"""nginx with the deployment's own configuration, on loopback: places and ports are replaced, nothing else."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asr_pipeline_tests.deploy.compose import DEPLOY
from asr_pipeline_tests.ports import answers, free_ports

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
START_MAX_S = 30


@dataclass(frozen=True)
class Proxy:
    """A running proxy. `port` speaks TLS."""

    port: int
    health_port: int
    process: "subprocess.Popen[bytes]"


@contextmanager
def proxy(folder: Path, secrets: Path, upstreams: Mapping[str, str]) -> Iterator[Proxy]:
    """Start the proxy in front of services, named as in the Compose file, each with its address and port here."""
    assert NGINX is not None
    port, health_port = free_ports(2)
    shutil.copytree(DEPLOY / "proxy", folder, dirs_exist_ok=True)
    file = folder / "nginx.conf"
    text = file.read_text()
    replaced = {"listen 8443 ": f"listen 127.0.0.1:{port} ", "127.0.0.1:8081": f"127.0.0.1:{health_port}"}
    replaced |= {" /tmp/": f" {folder}/"}  # before paths that may lie there themselves
    replaced |= {"/run/secrets/": f"{secrets}/", "/dev/stdout": f"{folder}/access.log"}
    for name, address in upstreams.items():
        ours = "8000" if name == "gateway" else "3000"
        replaced[f"http://{name}:{ours}"] = f"http://{address}"
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)
    checked = subprocess.run([NGINX, "-t", "-c", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr, checked.stderr
    with (
        (folder / "errors.log").open("wb") as errors,
        subprocess.Popen([NGINX, "-c", file, "-g", f"daemon off; {_user()}"], stderr=errors) as process,
    ):
        try:
            deadline_s = time.monotonic() + START_MAX_S
            while not answers(health_port):
                assert process.poll() is None, (folder / "errors.log").read_text()
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
            yield Proxy(port, health_port, process)
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(60)


def _user() -> str:
    """As root, its own processes would be another user's, who can't read what tests write."""
    return "user root;" if os.geteuid() == 0 else ""
