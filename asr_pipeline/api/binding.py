"""Where the gateway may listen: for anyone who reaches this machine only where callers must have keys."""

import ipaddress

from asr_pipeline.domain.errors import SetupError


def require_safe_binding(host: str, *, has_keys: bool) -> None:
    """Raise SetupError unless a host is of this machine alone, or callers need keys."""
    if has_keys or is_loopback(host):
        return
    raise SetupError(
        f"--host {host}",
        expected="an address of this machine alone, such as 127.0.0.1, as long as there are no keys",
        found="one that others may reach",
        remedy="Leave out --host, or make keys first.",
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
