"""How much of everything: the real model, and one that is made in a minute to try each step."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Counts of sentences and updates, and the shape of the network."""

    plain: int
    """Sentences of all templates."""
    numbers: int
    """More sentences of templates that hold numbers; written with words and with figures."""
    digit_runs: int
    """More sentences that spell digits, runs of equal ones among them."""
    unknown_names: int
    """Sentences with made-up names, to be copied."""
    joined: int
    """Lines of two or three sentences, and clauses joined by and, but, because, so."""
    pieces: int
    """Vocabulary of the tokenizer, which both languages share."""
    width: int
    """Length of a hidden vector; a multiple of `heads`."""
    feed_forward: int
    encoder_layers: int
    decoder_layers: int
    updates: int
    """Steps of the optimizer."""
    batch_tokens: int
    """Padded tokens of a step over all processes, of the longer side."""
    learning_rate: float
    warm_up: int
    """Updates until the learning rate is reached; from there it falls to nearly nothing."""
    heads: int = 4


REAL = Sizes(
    plain=480_000,
    numbers=90_000,
    digit_runs=60_000,
    unknown_names=24_000,
    joined=150_000,
    pieces=4_000,
    width=160,
    feed_forward=512,
    encoder_layers=3,
    decoder_layers=2,
    updates=14_500,
    batch_tokens=2_000,
    learning_rate=2.5e-3,
    warm_up=400,
)

DRY_RUN = Sizes(
    plain=2_500,
    numbers=300,
    digit_runs=300,
    unknown_names=100,
    joined=300,
    pieces=700,
    width=32,
    feed_forward=64,
    encoder_layers=1,
    decoder_layers=1,
    updates=40,
    batch_tokens=1_000,
    learning_rate=4e-3,
    warm_up=10,
)
