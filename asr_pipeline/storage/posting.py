"""One signed POST to an address that a person has set, and to no other.

The host's name is looked up once, and the connection goes to what was found: a name can't lead elsewhere between the
check and the use. Redirects are not followed, and no proxy of the environment is asked.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from asr_pipeline.domain.errors import TransientFailure
from asr_pipeline.domain.webhook import check_url, is_public

CONNECT_MAX_S = 5.0
ANSWER_MAX_S = 15.0  # from the connection to the answer's status, however slowly it comes
PORTS = {"https": 443, "http": 80}


class NotDelivered(TransientFailure):
    """An address did not take what it was sent, or may not be sent to."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> None:
    """Send JSON. Raises NotDelivered unless the answer is a status of 2xx; its message names the host alone."""
    try:
        check_url(url, allow_private=allow_private)
    except ValueError as error:
        raise _not_delivered("its address", str(error)) from error
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    address = _address(host, port, allow_private=allow_private)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    given = {
        "Host": parts.netloc,
        "Content-Type": "application/json",
        "User-Agent": "asr-pipeline",
        "Connection": "close",
        **headers,
    }
    try:
        with _connected(parts.scheme, host, address) as connection:
            connection.request("POST", path, body, given)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise _not_delivered(host, f"{type(error).__name__}: {error}") from error
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        raise _not_delivered(host, f"status {status}")


def _address(host: str, port: int, *, allow_private: bool) -> tuple[str, int]:
    """Look a host up, once. All that is found must be allowed: what a name leads to is its owner's choice."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _not_delivered(host, f"no address: {error}") from error
    addresses = [str(one[4][0]) for one in found]
    for address in addresses:
        if not allow_private and not is_public(address):
            raise _not_delivered(host, f"the private address {address}, where webhook_allow_private is not set")
    return addresses[0], port


@contextmanager
def _connected(scheme: str, host: str, address: tuple[str, int]) -> "Iterator[http.client.HTTPConnection]":
    """Connect to an address; what is said and verified there is the host's name."""
    raw = socket.create_connection(address, CONNECT_MAX_S)
    raw.settimeout(ANSWER_MAX_S)
    cut = threading.Timer(ANSWER_MAX_S, _cut, [raw])  # each wait is bounded by the socket, all of them by this
    cut.daemon = True
    cut.start()
    try:
        if scheme == "https":
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=host)
        connection = http.client.HTTPConnection(host, address[1])  # for https too: its socket is given
        connection.sock = raw
        yield connection
    finally:
        cut.cancel()
        raw.close()


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


def _not_delivered(host: str, found: str) -> NotDelivered:
    return NotDelivered(
        f"the webhook to {host}",
        expected="an answer of status 2xx within seconds",
        found=found,
        remedy="It is tried again, ever more rarely, for a day.",
    )
