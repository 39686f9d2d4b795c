"""The acoustic network: a small factored TDNN (Povey et al., 2018) with residual blocks.

Input frames x 40; output one row each third frame. Every splice is a multiple of three frames after the first layer,
so that libvosk computes only the rows it needs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.recipe.recognizer.acoustics.features import COEFFICIENTS, SUBSAMPLING
from models.recipe.recognizer.acoustics.network_size import NetworkSize
from models.recipe.recognizer.acoustics.phones import PDF_COUNT
from models.recipe.recognizer.kaldi.network import RESIDUAL_SCALE, KaldiBlock, KaldiNetwork, Normalisation

EPSILON = 1e-3
"""Added to variances by batch normalisation, here and in Kaldi's component."""


class Network(nn.Module):
    """TDNN-F with two heads: `output` for LF-MMI, and a softmax head that only steadies training."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.size = size
        self.context = size.input_context + SUBSAMPLING * size.blocks
        hidden, bottleneck = size.hidden, size.bottleneck
        self.register_buffer("mean", torch.zeros(COEFFICIENTS))
        self.register_buffer("deviation", torch.ones(COEFFICIENTS))
        self.first = nn.Linear(COEFFICIENTS * (2 * size.input_context + 1), hidden)
        self.first_norm = self._norm()
        # down: 2 x hidden to bottleneck, spliced over frames (-3, 0); up: 2 x bottleneck to hidden, over (0, 3)
        self.down = nn.ParameterList(_factor(bottleneck, hidden) for _ in range(size.blocks))
        self.up = nn.ParameterList(_factor(hidden, bottleneck) for _ in range(size.blocks))
        self.bias = nn.ParameterList(nn.Parameter(torch.zeros(hidden)) for _ in range(size.blocks))
        self.norm = nn.ModuleList(self._norm() for _ in range(size.blocks))
        self.output = nn.Linear(hidden, PDF_COUNT)
        self.softmax_head = nn.Linear(hidden, PDF_COUNT)
        for head in (self.output, self.softmax_head):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def _norm(self) -> nn.BatchNorm1d:
        return nn.BatchNorm1d(self.size.hidden, affine=False, eps=EPSILON, momentum=0.02)

    def forward(self, frames: Tensor, dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Batch x frames x 40, padded by `context` frames on both sides, to two batch x frames/3 x pdfs."""
        frames = (frames - self.mean) / self.deviation
        window = 2 * self.size.input_context + 1
        spliced = frames.unfold(1, window, SUBSAMPLING).transpose(2, 3).flatten(2)
        hidden = self._normalised(self.first_norm, functional.relu(self.first(spliced)))
        for down, up, bias, norm in zip(self.down, self.up, self.bias, self.norm, strict=True):
            block = self._normalised(norm, functional.relu(_splice(_splice(hidden, down), up) + bias))
            if dropout:  # continuous, one factor a unit and utterance
                noise = torch.rand(block.shape[0], 1, block.shape[2]) - 0.5
                block = block * (1 + 2 * dropout * noise)
            hidden = RESIDUAL_SCALE * hidden[:, 1:-1] + block
        return self.output(hidden), self.softmax_head(hidden)

    def _normalised(self, norm: Any, values: Tensor) -> Tensor:  # noqa: ANN401 - ModuleList's members are untyped
        flat: Tensor = norm(values.reshape(-1, self.size.hidden))
        return flat.view(values.shape)

    @torch.no_grad()
    def export(self) -> KaldiNetwork:
        """Give the weights as Kaldi's components want them, input normalisation folded into the first layer."""
        weights = _array(self.first.weight).reshape(self.size.hidden, -1, COEFFICIENTS) / _array(self.deviation)
        return KaldiNetwork(
            input_context=self.size.input_context,
            epsilon=EPSILON,
            first_weights=weights.reshape(self.size.hidden, -1),
            first_bias=_array(self.first.bias) - (weights * _array(self.mean)).sum((1, 2)),
            first_norm=_statistics(self.first_norm),
            blocks=tuple(
                KaldiBlock(
                    down=_array(down).reshape(self.size.bottleneck, -1),
                    up=_array(up).reshape(self.size.hidden, -1),
                    bias=_array(bias),
                    norm=_statistics(norm),
                )
                for down, up, bias, norm in zip(self.down, self.up, self.bias, self.norm, strict=True)
            ),
            output_weights=_array(self.output.weight),
            output_bias=_array(self.output.bias),
        )


def _factor(outputs: int, inputs: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(outputs, 2, inputs) / (2 * inputs) ** 0.5)


def _splice(rows: Tensor, factor: Tensor) -> Tensor:
    """Apply a factor to each row and the next one: one product for both, then a sum of shifted halves."""
    outputs = factor.shape[0]
    both = rows @ factor.permute(2, 1, 0).reshape(factor.shape[2], -1)
    return both[:, :-1, :outputs] + both[:, 1:, outputs:]


def _array(tensor: Tensor) -> npt.NDArray[np.float64]:
    values: npt.NDArray[np.float64] = tensor.detach().double().numpy()
    return values


def _statistics(norm: Any) -> Normalisation:  # noqa: ANN401 - ModuleList's members are untyped
    return Normalisation(_array(norm.running_mean), _array(norm.running_var))
