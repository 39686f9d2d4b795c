"""Webhooks: signed as Standard Webhooks has it, tried ever more rarely, and sent to public addresses only."""

import base64
import datetime as dt
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.webhook import ATTEMPTS_MAX, check_url, is_public, signed_headers, signing_key, wait_after


def test_the_signature_is_that_of_the_standard() -> None:
    # The example of the specification.
    secret, delivery_id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    body = b'{"test": 2432232314}'
    headers = signed_headers(secret, delivery_id, body, dt.datetime.fromtimestamp(1614265330, dt.UTC))
    assert headers == {
        "webhook-id": delivery_id,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.mark.parametrize(
    "secret", ["", "x" * 23, "whsec_", "whsec_!!!!", "whsec_" + base64.b64encode(b"short").decode()]
)
def test_a_secret_that_could_be_guessed_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r"at least|base64"):
        signing_key(secret)


def test_it_is_tried_for_about_a_day_ever_more_rarely() -> None:
    waits = [wait_after(attempts) for attempts in range(1, ATTEMPTS_MAX)]
    known = [wait for wait in waits if wait is not None]
    assert known == sorted(known)
    assert len(known) == ATTEMPTS_MAX - 1
    assert dt.timedelta(hours=20) < sum(known, dt.timedelta()) < dt.timedelta(hours=48)
    assert wait_after(ATTEMPTS_MAX) is None


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104 - refused
        "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_what_is_not_of_the_public_internet_in_whatever_form(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2606:4700::1111"])
def test_what_is(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_no_private_address_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    assert not (is_public(str(address)) and (address.is_private or address.is_loopback or address.is_link_local))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org",
        "https://",
        "https://me:secret@example.org",
        "https://example.org/#x",
        "https://example.org:0",
        "https://example.org:99999",
        "https://exämple.org",
        "https://example.org/\r\nX: y",
        "https://example.org/" + "x" * 2000,
        "file:///etc/passwd",
    ],
)
def test_addresses_that_nothing_is_sent_to(url: str) -> None:
    with pytest.raises(ValueError, match=r"address|write|port|Port|http"):
        check_url(url, allow_private=False)


def test_addresses_that_are_sent_to() -> None:
    check_url("https://example.org/hook?of=me", allow_private=False)
    check_url("http://127.0.0.1:8080/hook", allow_private=True)
