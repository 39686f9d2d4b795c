"""PyTorch weights to a CTranslate2 model of 8-bit integers.

CTranslate2 wants queries, keys and values of self-attention as one matrix [3 width, width], keys and values of
cross-attention as one [2 width, width], and a last norm after each stack (pre-norm). Left without a table of positions
it makes the sinusoids itself, of any length.
"""

from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import torch
from ctranslate2.specs import common_spec, transformer_spec
from numpy.typing import NDArray

from models.recipe.translator import tokenizer
from models.recipe.translator.network import Network, Shape


def load_network(path: Path) -> Network:
    """The network that training saved at ``path``."""
    saved = torch.load(path)
    network = Network(Shape(**saved["shape"]))
    network.load_state_dict(saved["weights"])
    network.eval()
    return network


def export(network: Network, tokenizer_path: Path, target: Path, quantization: str | None = "int8") -> None:
    """Write ``network`` as a CTranslate2 model into the folder ``target``."""
    weights = {
        name: tensor.numpy().copy() for name, tensor in network.state_dict().items()
    }  # optimize() writes into them
    shape = network.shape
    spec = transformer_spec.TransformerSpec.from_config(
        (shape.encoder_layers, shape.decoder_layers),
        shape.heads,
        pre_norm=True,
        activation=common_spec.Activation.RELU,
    )
    embedding = weights["embedding.weight"]
    spec.encoder.embeddings[0].weight = embedding  # a list: CTranslate2 allows several features of a source
    spec.decoder.embeddings.weight = embedding
    spec.decoder.projection.weight = embedding  # tied: written once
    _norm(spec.encoder.layer_norm, weights, "encoder_norm")
    _norm(spec.decoder.layer_norm, weights, "decoder_norm")
    for number, layer in enumerate(spec.encoder.layer):
        _self_attention(layer.self_attention, weights, f"encoder.{number}.attention")
        _feed_forward(layer.ffn, weights, f"encoder.{number}.feed_forward")
    for number, layer in enumerate(spec.decoder.layer):
        _self_attention(layer.self_attention, weights, f"decoder.{number}.attention")
        _cross_attention(layer.attention, weights, f"decoder.{number}.cross")
        _feed_forward(layer.ffn, weights, f"decoder.{number}.feed_forward")
    pieces = tokenizer.load(tokenizer_path)
    vocabulary = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    spec.register_source_vocabulary(vocabulary)
    spec.register_target_vocabulary(vocabulary)
    spec.config.add_source_bos = False
    spec.config.add_source_eos = True  # Argos hands over bare pieces
    spec.config.bos_token, spec.config.eos_token, spec.config.unk_token = "<s>", "</s>", "<unk>"
    spec.config.decoder_start_token = "<s>"  # noqa: S105 (a piece, not a password)
    spec.validate()
    spec.optimize(quantization=quantization)
    target.mkdir(parents=True)
    spec.save(str(target))


def log_probabilities(network: Network, source: list[int], target: list[int]) -> float:
    """Mean log-probability, by PyTorch, of the pieces of ``target`` and its end, given ``source``."""
    read = torch.tensor([[tokenizer.START, *target]])
    with torch.inference_mode():
        hidden = network(torch.tensor([[*source, tokenizer.END]]), read)
        scores = network.scores(hidden).log_softmax(-1)[0]
    written = [*target, tokenizer.END]
    return float(scores[torch.arange(len(written)), torch.tensor(written)].mean())


def log_probabilities_ctranslate2(model: Path, source: list[str], target: list[str]) -> float:
    """The same by the CTranslate2 model in the folder ``model``, which takes pieces."""
    translator = ctranslate2.Translator(str(model), device="cpu", inter_threads=1, intra_threads=1)
    return float(np.mean(translator.score_batch([source], [target])[0].log_probs))


Weights = dict[str, NDArray[np.float32]]


def _norm(to: Any, weights: Weights, name: str) -> None:  # noqa: ANN401 (specs of CTranslate2 are untyped)
    to.gamma, to.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _linear(to: Any, weights: Weights, name: str) -> None:  # noqa: ANN401
    to.weight, to.bias = weights[f"{name}.weight"], weights[f"{name}.bias"]


def _feed_forward(to: Any, weights: Weights, name: str) -> None:  # noqa: ANN401
    _norm(to.layer_norm, weights, f"{name}.norm")
    _linear(to.linear_0, weights, f"{name}.first")
    _linear(to.linear_1, weights, f"{name}.second")


def _self_attention(to: Any, weights: Weights, name: str) -> None:  # noqa: ANN401
    _norm(to.layer_norm, weights, f"{name}.norm")
    _linear(to.linear[0], weights, f"{name}.qkv")
    _linear(to.linear[1], weights, f"{name}.out")


def _cross_attention(to: Any, weights: Weights, name: str) -> None:  # noqa: ANN401
    _norm(to.layer_norm, weights, f"{name}.norm")
    _linear(to.linear[0], weights, f"{name}.q")
    _linear(to.linear[1], weights, f"{name}.kv")
    _linear(to.linear[2], weights, f"{name}.out")
