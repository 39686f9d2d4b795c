"""The transition model: which phone owns which pdfs, and the topology that all phones share.

With one pdf for a phone's first frame and one for the others, Kaldi writes the topology in its extended form (-1
first) and the owners as <Tuples>: phone, state, forward pdf, self-loop pdf, in sorted order.
"""

import numpy as np

from models.recipe.recognizer.acoustics.phones import (
    LEFT_CLASS_COUNT,
    PHONE_COUNT,
    TRANSITION_COUNT,
    base_of,
    forward_pdf,
)
from models.recipe.recognizer.kaldi.binary import KaldiWriter

_EXTENDED = -1
_NO_PDF = -1


def write_transition_model(writer: KaldiWriter) -> None:
    """Write a TransitionModel: every phone alike, both transitions with probability one half."""
    phones = range(1, PHONE_COUNT + 1)
    writer.token("<TransitionModel>", "<Topology>")
    writer.integers(list(phones))
    writer.integers([-1, *(0 for _ in phones)])  # phone 0 is none; all others use entry 0
    writer.integer(_EXTENDED)
    writer.integer(1)  # entries
    writer.integer(2)  # states of the entry
    writer.integer(0, 1)  # state 0: its forward and its self-loop pdf class
    writer.integer(2)  # transitions of state 0
    writer.integer(0)
    writer.real(0.5)
    writer.integer(1)
    writer.real(0.5)
    writer.integer(_NO_PDF, _NO_PDF, 0)  # state 1 ends the phone
    writer.token("</Topology>", "<Tuples>")
    writer.integer(PHONE_COUNT * LEFT_CLASS_COUNT)
    for phone in phones:
        for left_class in range(LEFT_CLASS_COUNT):
            pdf = forward_pdf(base_of(phone), left_class)
            writer.integer(phone, 0, pdf, pdf + 1)
    writer.token("</Tuples>", "<LogProbs>")
    writer.vector([0.0, *np.full(TRANSITION_COUNT, np.log(0.5))])
    writer.token("</LogProbs>", "</TransitionModel>")
