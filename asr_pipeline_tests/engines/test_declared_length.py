"""What headers say of their length."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.engines.declared_length import WavData, mp3_counts_its_frames, wav_data


def riff(*chunks: tuple[bytes, int, bytes], kind: bytes = b"RIFF") -> bytes:
    return kind + b"\xff\xff\xff\xffWAVE" + b"".join(n + struct.pack("<I", size) + body for n, size, body in chunks)


def read(data: bytes) -> WavData | None:
    return wav_data(io.BytesIO(data), len(data))


def test_whole_file() -> None:
    data = riff((b"fmt ", 16, bytes(16)), (b"data", 100, bytes(100)), (b"LIST", 4, b"INFO"))
    assert read(data) == WavData(100, 100, 0)


def test_data_that_is_missing_and_data_that_is_too_much() -> None:
    assert read(riff((b"fmt ", 16, bytes(16)), (b"data", 100, bytes(60)))) == WavData(100, 60, 0)
    assert read(riff((b"data", 100, bytes(100)), (b"\x01\x02\x03\x04", 7, bytes(40)))) == WavData(100, 100, 48)


def test_how_many_bytes_a_second_has() -> None:
    told = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    garbage = struct.pack("<HHIIHH", 1, 1, 8000, 0xFFFFFFFF, 1, 8)
    for chunk in (told, garbage):
        data = riff((b"fmt ", 16, chunk), (b"data", 100, bytes(100)))
        assert read(data) == WavData(100, 100, 0, bytes_per_s=8000)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_length_never_filled_in(size: int) -> None:
    assert read(riff((b"data", size, bytes(60)))) is None


def test_long_files_say_it_elsewhere() -> None:
    sizes = struct.pack("<QQQ", 6 * 2**30, 5 * 2**30, 0)
    data = riff((b"ds64", 24, sizes), (b"data", 0xFFFFFFFF, bytes(60)), kind=b"RF64")
    assert read(data) == WavData(5 * 2**30, 60, 0)


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_read_to_an_end(data: bytes, as_riff: bool) -> None:  # noqa: FBT001 - hypothesis passes it
    found = read(b"RIFF\0\0\0\0WAVE" + data if as_riff else data)
    assert found is None or found.present_bytes <= max(found.declared_bytes, 0)
    mp3_counts_its_frames(io.BytesIO(data))


def test_mp3_with_and_without_a_count() -> None:
    assert mp3_counts_its_frames(io.BytesIO(b"ID3\x04\x00\x00\x00\x00\x00\x05-----\xff\xfb\x90\x00" + b"Xing"))
    assert not mp3_counts_its_frames(io.BytesIO(b"\xff\xfb\x90\x00" + bytes(400)))
