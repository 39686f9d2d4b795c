"""Machines in one: network namespaces on a bridge, from which each may be cut off. Nothing leaves this machine."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

NET = "10.213.77"  # nobody's: a bridge without a way out


@dataclass
class Network:
    """A bridge with an address of this machine, and a namespace for each name."""

    bridge: str = field(default_factory=lambda: f"asrb{os.getpid() % 100_000}")
    members: list[str] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"{NET}.1"

    def join(self, name: str) -> tuple[str, ...]:
        """Make a namespace; give what to put before a command that is to run in it."""
        number, space = len(self.members) + 2, self._space(name)
        self.members.append(name)
        near, far = self._ends(name)
        ip("netns", "add", space)
        ip("link", "add", near, "type", "veth", "peer", "name", far)
        ip("link", "set", near, "master", self.bridge, "up")
        ip("link", "set", far, "netns", space)
        within = "ip", "netns", "exec", space
        for command in (
            ("addr", "add", f"{NET}.{number}/24", "dev", far),
            ("link", "set", far, "up"),
            ("link", "set", "lo", "up"),
        ):
            ip(*command, within=within)
        return within

    def cut_off(self, name: str) -> None:
        """Lose every packet to and from a namespace: its connections are not told."""
        ip("link", "set", self._ends(name)[0], "nomaster")

    def heal(self, name: str) -> None:
        ip("link", "set", self._ends(name)[0], "master", self.bridge)

    def _space(self, name: str) -> str:
        return f"{self.bridge}-{name}"

    def _ends(self, name: str) -> tuple[str, str]:
        number = self.members.index(name)
        return f"{self.bridge}n{number}", f"{self.bridge}f{number}"


@contextmanager
def network() -> Iterator[Network | None]:
    """Give a network, and remove it at the end; None where this is not allowed."""
    made = Network()
    if os.geteuid() != 0 or shutil.which("ip") is None or not _works("link", "add", made.bridge, "type", "bridge"):
        yield None
        return
    try:
        ip("addr", "add", f"{made.host}/24", "dev", made.bridge)
        ip("link", "set", made.bridge, "up")
        yield made
    finally:
        for name in made.members:
            _works("link", "del", made._ends(name)[0])
            _works("netns", "del", made._space(name))
        ip("link", "del", made.bridge)


def ip(*arguments: str, within: tuple[str, ...] = ()) -> None:
    subprocess.run([*within, "ip", *arguments], check=True, capture_output=True)


def _works(*arguments: str) -> bool:
    return subprocess.run(["ip", *arguments], check=False, capture_output=True).returncode == 0
