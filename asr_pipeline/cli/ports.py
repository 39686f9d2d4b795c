"""Ports that the commands listen on."""

import socket

from asr_pipeline.domain.errors import SetupError


def require_free(command: str, host: str, port: int) -> None:
    """Raise SetupError, in words of a command, where its port is taken or its host not one of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(
                f"{host}:{port}",
                expected="a free port",
                found=error.strerror or str(error),
                remedy=f"Choose another: `asr-pipeline {command} --port {port % 65535 + 1}`.",
            ) from error
