"""Kaldi's binary notation, byte by byte, and the files that libvosk reads."""

import io
import struct
from pathlib import Path

import numpy as np

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.kaldi.binary import KaldiWriter
from models.recipe.recognizer.kaldi.model_directory import write_configuration
from models.recipe.recognizer.kaldi.transitions import write_transition_model


def test_numbers_carry_their_size_and_matrices_their_shape() -> None:
    stream = io.BytesIO()
    writer = KaldiWriter(stream)
    writer.token("<Dim>")
    writer.integer(7)
    writer.matrix(np.array([[1.0, 2.0]]))
    assert stream.getvalue() == (b"\0B<Dim> \x04\x07\0\0\0FM \x04\x01\0\0\0\x04\x02\0\0\0" + struct.pack("<ff", 1, 2))


def test_the_transition_model_has_a_tuple_for_each_phone_and_neighbour() -> None:
    stream = io.BytesIO()
    write_transition_model(KaldiWriter(stream))
    after = stream.getvalue().split(b"<Tuples> ")[1]
    assert struct.unpack("<i", after[1:5]) == (phones.PHONE_COUNT * phones.LEFT_CLASS_COUNT,)
    probabilities = stream.getvalue().split(b"<LogProbs> FV ")[1]
    assert struct.unpack("<i", probabilities[1:5]) == (phones.TRANSITION_COUNT + 1,)


def test_every_phone_has_its_place_in_word_boundary_int(tmp_path: Path) -> None:
    write_configuration(tmp_path)
    lines = (tmp_path / "graph" / "phones" / "word_boundary.int").read_text().splitlines()
    assert lines[0] == "1 nonword"
    assert lines[1] == "2 singleton"
    assert len(lines) == phones.PHONE_COUNT
    assert "--frame-subsampling-factor=3" in (tmp_path / "conf" / "model.conf").read_text()
