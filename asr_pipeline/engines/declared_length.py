"""What a file's own header says of its length, where FFmpeg does not tell: it trims a WAV's to what is there."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

# What programs write that can't go back to fill in the length: FFmpeg, arecord and others, sox.
STREAMED_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0x7FFFF000, 0x80000000)
MP3_SEARCH_BYTES = 4096
_CHUNK_HEADER = struct.Struct("<4sI")
_FORMAT = struct.Struct("<4xIIH")  # samples a second, bytes a second, bytes that hold a sample of all channels
_MAX_CHUNKS = 10_000


@dataclass(frozen=True, slots=True)
class WavData:
    """A WAV's sound: bytes that its header claims, bytes that are there, bytes after them that are no chunk.

    `bytes_per_s` is what the header says of it; 0 where it says nothing.
    """

    declared_bytes: int
    present_bytes: int
    stray_bytes: int
    bytes_per_s: int = 0


def wav_data(file: BinaryIO, size_bytes: int) -> WavData | None:
    """Read the chunk headers of a RIFF or RF64 file; None where it is none, or where the length was never filled in."""
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] not in {b"RIFF", b"RF64"} or head[8:] != b"WAVE":  # noqa: PLR2004 - RIFF's header
        return None
    position, long_size, bytes_per_s = 12, None, 0
    for _ in range(_MAX_CHUNKS):
        file.seek(position)
        header = file.read(_CHUNK_HEADER.size)
        if len(header) < _CHUNK_HEADER.size:
            return None
        name, size = _CHUNK_HEADER.unpack(header)
        position += _CHUNK_HEADER.size
        if name == b"fmt ":
            bytes_per_s = _bytes_per_s(file.read(_FORMAT.size))
        elif name == b"ds64":
            sizes = file.read(16)
            long_size = struct.unpack("<8xQ", sizes)[0] if len(sizes) == 16 else None  # noqa: PLR2004
        elif name == b"data":
            if size == 0xFFFFFFFF and long_size is not None:  # noqa: PLR2004 - RF64: see ds64
                size = long_size
            if size in STREAMED_SIZES:
                return None
            return WavData(
                declared_bytes=size,
                present_bytes=max(0, min(size, size_bytes - position)),
                stray_bytes=_stray(file, position + size, size_bytes),
                bytes_per_s=bytes_per_s,
            )
        position += size + size % 2
    return None


def _bytes_per_s(described: bytes) -> int:
    """Give the lesser of the two rates that a `fmt ` chunk tells: they agree for PCM, and one may be garbage."""
    if len(described) < _FORMAT.size:
        return 0
    rate_hz, bytes_per_s, frame_bytes = _FORMAT.unpack(described)
    return int(min(bytes_per_s, rate_hz * frame_bytes))


def _stray(file: BinaryIO, position: int, size_bytes: int) -> int:
    """Count bytes after the data chunk that are not well-formed chunks: sound of a header that claims too little."""
    position += position % 2
    while position + _CHUNK_HEADER.size <= size_bytes:
        file.seek(position)
        name, size = _CHUNK_HEADER.unpack(file.read(_CHUNK_HEADER.size))
        if not (name.isascii() and name.decode("ascii").isprintable()):
            return size_bytes - position
        position += _CHUNK_HEADER.size + size + size % 2
    return 0


def mp3_counts_its_frames(file: BinaryIO) -> bool:
    """Tell whether an MP3 has a Xing, Info or VBRI tag, so that its length is declared, not a guess."""
    file.seek(0)
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10:  # noqa: PLR2004 - ID3v2's header
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    file.seek(start)
    first_frame = file.read(MP3_SEARCH_BYTES)
    return any(tag in first_frame for tag in (b"Xing", b"Info", b"VBRI"))
