"""The Transformer in PyTorch, laid out as CTranslate2 computes it, so that its weights can be handed over as they are.

Pre-norm, ReLU, sinusoidal positions (sines first, then cosines, counted from 1), one embedding matrix for source,
target and output, scaled by the root of its width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.recipe.translator.tokenizer import PADDING

LONGEST = 256  # pieces of a line


@dataclass(frozen=True)
class Shape:
    """What a network is built from; saved beside its weights."""

    pieces: int
    width: int
    heads: int
    feed_forward: int
    encoder_layers: int
    decoder_layers: int


def positions(count: int, width: int) -> Tensor:
    """Position vectors, [count, width]."""
    scale = torch.exp(-torch.arange(width // 2) * (math.log(10_000.0) / (width // 2 - 1)))
    angles = torch.arange(1, count + 1)[:, None] * scale[None]
    return torch.cat([angles.sin(), angles.cos()], 1)


class SelfAttention(nn.Module):
    """Attention over its own sequence; one matrix for queries, keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
        """[batch, length, width] to the same; ``mask`` is true where a key may be looked at."""
        query, key, value = self.qkv(self.norm(x)).chunk(3, -1)
        return x + self.out(_attend(query, key, value, self.heads, mask=mask, causal=causal))


class CrossAttention(nn.Module):
    """Attention of the target over the encoded source."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """[batch, target, width] and [batch, source, width] to the former's shape."""
        key, value = self.kv(memory).chunk(2, -1)
        return x + self.out(_attend(self.q(self.norm(x)), key, value, self.heads, mask=mask))


class FeedForward(nn.Module):
    """Two layers with ReLU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm, self.first, self.second = nn.LayerNorm(width), nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to the same."""
        return x + self.second(functional.relu(self.first(self.norm(x))))


class Encoder(nn.Module):
    """One layer over the source."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = SelfAttention(shape.width, shape.heads)
        self.feed_forward = FeedForward(shape.width, shape.feed_forward)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """[batch, source, width] to the same."""
        return self.feed_forward(self.attention(x, mask))


class Decoder(nn.Module):
    """One layer over the target."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention = SelfAttention(shape.width, shape.heads)
        self.cross = CrossAttention(shape.width, shape.heads)
        self.feed_forward = FeedForward(shape.width, shape.feed_forward)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor | None) -> Tensor:
        """[batch, target, width] to the same."""
        return self.feed_forward(self.cross(self.attention(x, causal=True), memory, mask))


class Network(nn.Module):
    """The whole model."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.pieces, shape.width)
        nn.init.normal_(self.embedding.weight, std=shape.width**-0.5)
        self.register_buffer("positions", positions(LONGEST, shape.width), persistent=False)
        self.encoder = nn.ModuleList(Encoder(shape) for _ in range(shape.encoder_layers))
        self.decoder = nn.ModuleList(Decoder(shape) for _ in range(shape.decoder_layers))
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Ids [batch, source] and [batch, target] to hidden vectors [batch, target, width]."""
        real = (source != PADDING)[:, None, None]
        mask = None if bool(real.all()) else real
        x = self._embed(source)
        for layer in self.encoder:
            x = layer(x, mask)
        memory = self.encoder_norm(x)
        y = self._embed(target)
        for layer in self.decoder:
            y = layer(y, memory, mask)
        hidden: Tensor = self.decoder_norm(y)
        return hidden

    def scores(self, hidden: Tensor) -> Tensor:
        """Hidden vectors [..., width] to unnormalised scores [..., pieces]."""
        return hidden @ self.embedding.weight.T

    def _embed(self, ids: Tensor) -> Tensor:
        embedded: Tensor = self.embedding(ids) * math.sqrt(self.shape.width)
        return embedded + self.positions[: ids.shape[1]]


def _attend(
    query: Tensor, key: Tensor, value: Tensor, heads: int, *, mask: Tensor | None = None, causal: bool = False
) -> Tensor:
    batch, length, width = query.shape
    parts = (x.view(batch, -1, heads, width // heads).transpose(1, 2) for x in (query, key, value))
    attended = functional.scaled_dot_product_attention(*parts, attn_mask=mask, is_causal=causal)
    return attended.transpose(1, 2).reshape(batch, length, width)
