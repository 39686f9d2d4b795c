"""Ports for what tests start, and whether somebody answers there."""

import random
import socket

# Below those that systems hand out by themselves (32768 and up on Linux): no connection takes one between the look and
# its use.
_PORTS = range(20_000, 32_000)


def free_port(host: str = "127.0.0.1") -> int:
    """Give a port that nobody listens on now."""
    return free_ports(1, host)[0]


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """Give so many different ports that nobody listens on now."""
    tried = random.SystemRandom().sample(_PORTS, len(_PORTS))
    free = (port for port in tried if _is_free(host, port))
    return [next(free) for _ in range(count)]


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
