"""A file comes out of a multipart body whole, however the body is cut; and no name can do harm."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from asr_pipeline.api.errors import ContentTypeWrong, RequestInvalid
from asr_pipeline.api.multipart import NAME_MAX_CHARS, harmless_name, receive_file


def received(body: bytes, cuts: list[int], kind: bytes = b'multipart/form-data; boundary="b0"') -> tuple[str, bytes]:
    """Receive the field `audio` of a body that comes in pieces."""
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    pieces = [body[first:last] for first, last in itertools.pairwise(places)]
    messages: list[Message] = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    found = bytearray()

    async def receive() -> Message:
        return messages.pop(0)

    scope = {"type": "http", "headers": [(b"content-type", kind)]}
    name = asyncio.run(receive_file(Request(scope, receive), "audio", found.extend))
    return name, bytes(found)


@given(st.binary(max_size=300), st.lists(st.integers(0, 1000), max_size=8))
def test_any_bytes_cut_anywhere_come_whole(content: bytes, cuts: list[int]) -> None:
    content = content.replace(b"--b0", b"")
    body = (
        b'--b0\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--b0\r\nContent-Type: audio/wav\r\ncontent-disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
        + content
        + b'\r\n--b0\r\nContent-Disposition: form-data; name="audio"; filename="second.wav"\r\n\r\nnot this'
        b"\r\n--b0--\r\n"
    )
    assert received(body, cuts) == ("a.wav", content)


@pytest.mark.parametrize("cuts", [[], [3, 40, 41]])
def test_names_of_any_language_come_as_they_are(cuts: list[int]) -> None:
    body = (
        '--b0\r\nContent-Disposition: form-data; name="audio"; filename="گفتگو ۱.wav"\r\n\r\nx\r\n--b0--\r\n'.encode()
    )
    assert received(body, cuts) == ("گفتگو ۱.wav", b"x")


def test_names_come_as_some_clients_write_them() -> None:
    disposition = b"form-data; name=\"audio\"; filename*=utf-8''%D8%B5%D8%AF%D8%A7.wav"
    body = b"--b0\r\nContent-Disposition: " + disposition + b"\r\n\r\nx\r\n--b0--\r\n"
    assert received(body, []) == ("صدا.wav", b"x")


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.sampled_from(
                [b"--b0", b"--b0--", b"\r\n", b": ", b'Content-Disposition: form-data; name="audio"; filename="a"']
            ),
        ),
        max_size=12,
    ),
    st.binary(max_size=400),
)
def test_any_body_is_a_file_or_an_error_that_says_why(parts: list[bytes], boundary: bytes) -> None:
    for kind in (b'multipart/form-data; boundary="b0"', b"multipart/form-data; boundary=" + boundary, boundary):
        try:
            name, _ = received(b"".join(parts), [7], kind)
        except (ContentTypeWrong, RequestInvalid):
            continue
        assert name


@given(st.text())
def test_no_name_leads_anywhere_or_is_obeyed(name: str) -> None:
    harmless = harmless_name(name)
    assert 0 < len(harmless) <= NAME_MAX_CHARS
    assert harmless.isprintable()
    assert not {"/", "\\"} & set(harmless)
    assert harmless not in {".", ".."}
