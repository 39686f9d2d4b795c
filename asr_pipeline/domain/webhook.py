"""What a webhook says, how it is signed, when it is tried again, and where it may go.

The signature is that of Standard Webhooks (https://www.standardwebhooks.com), whose libraries can verify it.
"""

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SECRET_PREFIX, SECRET_MIN_CHARS, SECRET_MIN_BYTES = "whsec_", 24, 16
FIRST_WAIT = dt.timedelta(seconds=30)
LONGEST_WAIT = dt.timedelta(hours=6)
ATTEMPTS_MAX = 14  # the last about a day after the first
URL_MAX_CHARS = 2000
# Addresses that stand for others: what they lead to can't be told from them.
_TRANSLATED = [
    ipaddress.ip_network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]


@dataclass(frozen=True, slots=True)
class Change:
    """A recording that has come to an end: done or failed, and since when."""

    recording_id: str
    name: str
    state: str
    failed_stage: str | None
    reason: str | None
    failures: int
    changed_at: dt.datetime

    @property
    def kind(self) -> str:
        """Name of the event."""
        return "recording.done" if self.state == "done" else "recording.failed"

    def delivery_id(self, url: str) -> str:
        """Give the id of telling this to an address: the same whenever and by whomever it is worked out."""
        parts = [url, self.recording_id, self.state, self.changed_at.isoformat()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def body(self) -> str:
        """Give the JSON to send."""
        data = {
            "recording_id": self.recording_id,
            "name": self.name,
            "state": self.state,
            "failed_stage": self.failed_stage,
            "reason": self.reason,
            "failures": self.failures,
        }
        return json.dumps({"type": self.kind, "timestamp": self.changed_at.isoformat(), "data": data})


@dataclass(frozen=True, slots=True)
class RunFailure:
    """A run of Dagster that has failed. `failed_at` is when; `will_retry`: Dagster starts it again by itself."""

    run_id: str
    job: str
    reason: str
    will_retry: bool
    failed_at: dt.datetime

    def delivery_id(self, url: str) -> str:
        """Give the id of telling this to an address."""
        return hashlib.sha256(json.dumps([url, "run", self.run_id]).encode()).hexdigest()

    def body(self) -> str:
        """Give the JSON to send."""
        data = {"run_id": self.run_id, "job": self.job, "reason": self.reason, "will_retry": self.will_retry}
        return json.dumps({"type": "run.failed", "timestamp": self.failed_at.isoformat(), "data": data})


def signing_key(secret: str) -> bytes:
    """Give the key that a secret stands for. Raises ValueError where it is too short."""
    if secret.startswith(SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error as error:
            raise ValueError(f"after {SECRET_PREFIX} stands base64") from error
        if len(key) < SECRET_MIN_BYTES:
            raise ValueError(f"after {SECRET_PREFIX} stand at least {SECRET_MIN_BYTES} bytes, as base64")
        return key
    if len(secret) < SECRET_MIN_CHARS:
        raise ValueError(f"it takes at least {SECRET_MIN_CHARS} characters")
    return secret.encode()


def signed_headers(secret: str, delivery_id: str, body: bytes, moment: dt.datetime) -> Mapping[str, str]:
    """Give the headers by which a receiver knows who sent a body, and when; `delivery_id` tells repeats."""
    timestamp = str(int(moment.timestamp()))
    signed = b".".join([delivery_id.encode(), timestamp.encode(), body])
    signature = base64.b64encode(hmac.digest(signing_key(secret), signed, "sha256")).decode()
    return {"webhook-id": delivery_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


def wait_after(attempts: int) -> dt.timedelta | None:
    """Give how long to wait after so many attempts (from 1) that failed; None to give up."""
    return None if attempts >= ATTEMPTS_MAX else min(FIRST_WAIT * (1 << (attempts - 1)), LONGEST_WAIT)


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise ValueError for what is no address to send to."""
    parts = urlsplit(url)
    if not url.isascii() or not url.isprintable() or " " in url or len(url) > URL_MAX_CHARS:
        raise ValueError(f"an address is at most {URL_MAX_CHARS} printable ASCII characters")
    if (
        parts.scheme not in {"https", "http"}
        or not parts.hostname
        or parts.username
        or parts.password
        or parts.fragment
    ):
        raise ValueError("write https://HOST/PATH, without a user or a fragment")
    if parts.port == 0:
        raise ValueError("port 0 is none")
    if parts.scheme == "http" and not allow_private:
        raise ValueError("http can be read on the way: write https, or set webhook_allow_private")


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the public internet, whatever form it has."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved
