"""Kaldi's binary notation: tokens end in a space, numbers carry their size, vectors and matrices their shape."""

import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64] | Sequence[float]


class KaldiWriter:
    """Writes one binary object to a stream that is open for bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        stream.write(b"\0B")  # Kaldi's mark of a binary file

    def token(self, *names: str) -> None:
        """Write words such as <Topology>."""
        for name in names:
            self._stream.write(name.encode() + b" ")

    def text(self, lines: str) -> None:
        """Write text as it is: the network's description is text even in a binary file."""
        self._stream.write(lines.encode())

    def integer(self, *values: int) -> None:
        """Write 32-bit integers."""
        for value in values:
            self._stream.write(b"\4" + struct.pack("<i", value))

    def real(self, value: float) -> None:
        """Write a 32-bit float."""
        self._stream.write(b"\4" + struct.pack("<f", value))

    def double(self, value: float) -> None:
        """Write a 64-bit float."""
        self._stream.write(b"\x08" + struct.pack("<d", value))

    def boolean(self, *, value: bool) -> None:
        """Write T or F."""
        self._stream.write(b"T" if value else b"F")

    def integers(self, values: Sequence[int]) -> None:
        """Write a vector of 32-bit integers."""
        self._stream.write(b"\4" + struct.pack("<i", len(values)) + np.asarray(values, "<i4").tobytes())

    def vector(self, values: Numbers) -> None:
        """Write a vector of 32-bit floats."""
        array = np.asarray(values, "<f4")
        self.token("FV")
        self.integer(len(array))
        self._stream.write(array.tobytes())

    def matrix(self, values: npt.NDArray[np.float64]) -> None:
        """Write a matrix of 32-bit floats, row after row."""
        array = np.ascontiguousarray(values, "<f4")
        self.token("FM")
        self.integer(*array.shape)
        self._stream.write(array.tobytes())
