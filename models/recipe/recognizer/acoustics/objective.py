"""LF-MMI: what the transcript's graph wants, less what all phone strings already say.

The gradient of the objective is the difference of two occupancies, so no automatic differentiation goes through the
forward-backward passes: the network's output is multiplied by that difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.recipe.recognizer.acoustics.batches import Batch
from models.recipe.recognizer.acoustics.features import FRAME_SHIFT_S, SUBSAMPLING
from models.recipe.recognizer.acoustics.forward_backward import Denominator, Matrix, Occupancy, numerator_occupancy
from models.recipe.recognizer.acoustics.numerator import NEVER, numerator_graph, word_windows
from models.recipe.recognizer.acoustics.phone_bigram import LogProbabilities
from models.recipe.recognizer.acoustics.pronunciations import UNKNOWN_WORD

TOLERANCE_S = 0.06
"""How far from its word's time a phone may be: two outputs of the network."""

CROSS_ENTROPY_SHARE = 0.2
OUTPUT_PENALTY = 2.5e-4  # on the square of the outputs, as Kaldi's chain training has it
_LARGEST_SCORE = 30.0


@dataclass(frozen=True, slots=True)
class Loss:
    """What is made smaller, and figures for the log: MMI and cross-entropy a frame, share of usable utterances."""

    total: Tensor
    mmi: float
    cross_entropy: float
    usable: float


class Objective:
    """LF-MMI with a softmax head beside it. Words outside the lexicon are [unk]."""

    def __init__(self, lexicon: Mapping[str, tuple[str, ...]], bigram: LogProbabilities) -> None:
        self._lexicon = lexicon
        self._bigram = bigram
        self._denominator = Denominator(bigram)

    def __call__(self, output: Tensor, softmax_output: Tensor, batch: Batch) -> Loss:
        """Score the two heads' outputs, batch x outputs x pdfs."""
        scores = output.detach().clamp(-_LARGEST_SCORE, _LARGEST_SCORE).numpy()
        pairs = [self._occupancies(scores[n, :length], batch, n) for n, length in enumerate(batch.outputs)]
        usable = [num.log_likelihood > NEVER / 2 and np.isfinite(den.log_likelihood) for num, den in pairs]
        mask = torch.zeros(output.shape[:2])
        wanted, said = torch.zeros_like(output), torch.zeros_like(output)
        for n, ((num, den), good) in enumerate(zip(pairs, usable, strict=True)):
            if good:
                length = batch.outputs[n]
                mask[n, :length] = 1
                wanted[n, :length] = torch.from_numpy(num.posteriors)
                said[n, :length] = torch.from_numpy(den.posteriors)
        frames = mask.sum().clamp_min(1)
        mmi = (output * (said - wanted)).sum() / frames
        cross_entropy = -(functional.log_softmax(softmax_output, 2) * wanted).sum() / frames
        penalty = OUTPUT_PENALTY * ((output**2).sum(2) * mask).sum() / frames
        gain = sum(
            num.log_likelihood - den.log_likelihood for (num, den), good in zip(pairs, usable, strict=True) if good
        )
        return Loss(
            mmi + CROSS_ENTROPY_SHARE * cross_entropy + penalty,
            gain / float(frames),
            float(cross_entropy.detach()),
            sum(usable) / len(usable),
        )

    def _occupancies(self, scores: Matrix, batch: Batch, number: int) -> tuple[Occupancy, Occupancy]:
        words = [word if word in self._lexicon else UNKNOWN_WORD for word in batch.words[number]]
        windows = word_windows(batch.times[number], TOLERANCE_S, FRAME_SHIFT_S * SUBSAMPLING)
        graph = numerator_graph(words, windows, self._lexicon, self._bigram)
        return numerator_occupancy(scores, graph), self._denominator.occupancy(scores)
