"""The network as Kaldi's nnet3 components: FixedAffine, RectifiedLinear, BatchNorm and NoOp are enough to decode.

A chain model's output is linear (no log-softmax) and its priors are empty; libvosk works out the context by itself.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.recipe.recognizer.acoustics.features import COEFFICIENTS, SUBSAMPLING
from models.recipe.recognizer.kaldi.binary import KaldiWriter

RESIDUAL_SCALE = 0.66
"""Share of a block's input that passes beside it, as in Kaldi's TDNN-F recipes."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Mean and variance of each unit."""

    mean: Array
    variance: Array


@dataclass(frozen=True, slots=True)
class KaldiBlock:
    """`down`: bottleneck x 2 hidden, over frames (-3, 0). `up`: hidden x 2 bottleneck, over frames (0, 3)."""

    down: Array
    up: Array
    bias: Array
    norm: Normalisation


@dataclass(frozen=True, slots=True)
class KaldiNetwork:
    """All weights. `first_weights`: hidden x 40 (2 input_context + 1), earliest frame first."""

    input_context: int
    epsilon: float
    first_weights: Array
    first_bias: Array
    first_norm: Normalisation
    blocks: tuple[KaldiBlock, ...]
    output_weights: Array
    output_bias: Array

    @property
    def context_frames(self) -> int:
        """Input frames on either side that an output depends on."""
        return self.input_context + SUBSAMPLING * len(self.blocks)


def write_acoustic_model(writer: KaldiWriter, network: KaldiNetwork) -> None:
    """Write an AmNnetSimple."""
    description = _Description(network.epsilon)
    around = ("input" if o == 0 else f"Offset(input, {o})" for o in _offsets(network.input_context))
    description.affine("first.affine", f"Append({', '.join(around)})", network.first_weights, network.first_bias)
    description.rectified("first", network.first_norm)
    before = "first.norm"
    for number, block in enumerate(network.blocks, 1):
        name = f"block{number}"
        no_bias = np.zeros(len(block.down))
        description.affine(f"{name}.down", f"Append(Offset({before}, -{SUBSAMPLING}), {before})", block.down, no_bias)
        spliced = f"Append({name}.down, Offset({name}.down, {SUBSAMPLING}))"
        description.affine(f"{name}.affine", spliced, block.up, block.bias)
        description.rectified(name, block.norm)
        description.add(f"{name}.sum", f"Sum(Scale({RESIDUAL_SCALE}, {before}), {name}.norm)", len(block.bias))
        before = f"{name}.sum"
    description.affine("output.affine", before, network.output_weights, network.output_bias)
    description.write(writer)
    writer.token("<LeftContext>")
    writer.integer(network.context_frames)
    writer.token("<RightContext>")
    writer.integer(network.context_frames)
    writer.token("<Priors>")
    writer.vector([])


def _offsets(context: int) -> range:
    return range(-context, context + 1)


@dataclass(slots=True)
class _Description:
    """Collects nodes (text) and components (binary), which Kaldi wants one after the other."""

    epsilon: float
    nodes: list[str] = field(default_factory=lambda: [f"input-node name=input dim={COEFFICIENTS}"])
    components: list[tuple[str, tuple[Array, ...] | Normalisation | int]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    def affine(self, name: str, source: str, weights: Array, bias: Array) -> None:
        self._node(name, source, "FixedAffineComponent", (weights, bias))

    def rectified(self, name: str, norm: Normalisation) -> None:
        """Follow NAME.affine by a rectifier and a normalisation."""
        self._node(f"{name}.relu", f"{name}.affine", "RectifiedLinearComponent", len(norm.mean))
        self._node(f"{name}.norm", f"{name}.relu", "BatchNormComponent", norm)

    def add(self, name: str, source: str, dimension: int) -> None:
        self._node(name, source, "NoOpComponent", dimension)

    def _node(self, name: str, source: str, kind: str, content: tuple[Array, ...] | Normalisation | int) -> None:
        self.nodes.append(f"component-node name={name} component={name} input={source}")
        self.components.append((name, content))
        self.kinds.append(kind)

    def write(self, writer: KaldiWriter) -> None:
        self.nodes.append("output-node name=output input=output.affine objective=linear")
        writer.token("<Nnet3>")
        writer.text("\n" + "\n".join(self.nodes) + "\n\n")
        writer.token("<NumComponents>")
        writer.integer(len(self.components))
        for kind, (name, content) in zip(self.kinds, self.components, strict=True):
            writer.token("<ComponentName>", name, f"<{kind}>")
            if isinstance(content, Normalisation):
                _write_normalisation(writer, content, self.epsilon)
            elif isinstance(content, tuple):
                writer.token("<LinearParams>")
                writer.matrix(content[0])
                writer.token("<BiasParams>")
                writer.vector(content[1])
            elif kind == "NoOpComponent":
                writer.token("<Dim>")
                writer.integer(content)
                writer.token("<BackpropScale>")
                writer.real(1.0)
            else:
                _write_rectifier(writer, content)
            writer.token(f"</{kind}>")
        writer.token("</Nnet3>")


def _write_normalisation(writer: KaldiWriter, norm: Normalisation, epsilon: float) -> None:
    writer.token("<Dim>")
    writer.integer(len(norm.mean))
    writer.token("<BlockDim>")
    writer.integer(len(norm.mean))
    writer.token("<Epsilon>")
    writer.real(epsilon)
    writer.token("<TargetRms>")
    writer.real(1.0)
    writer.token("<TestMode>")
    writer.boolean(value=True)
    writer.token("<Count>")
    writer.double(1000.0)  # of frames behind the statistics: any number above 0 will do
    writer.token("<StatsMean>")
    writer.vector(norm.mean)
    writer.token("<StatsVar>")
    writer.vector(norm.variance)


def _write_rectifier(writer: KaldiWriter, dimension: int) -> None:
    """A rectifier has no weights; Kaldi still wants its (empty) training statistics."""
    writer.token("<Dim>")
    writer.integer(dimension)
    for name in ("<ValueAvg>", "<DerivAvg>"):
        writer.token(name)
        writer.vector([])
    writer.token("<Count>")
    writer.double(0)
    writer.token("<OderivRms>")
    writer.vector([])
    for name in ("<OderivCount>", "<NumDimsSelfRepaired>", "<NumDimsProcessed>"):
        writer.token(name)
        writer.double(0)
