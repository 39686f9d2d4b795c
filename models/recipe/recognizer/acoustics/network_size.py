"""The one thing about the network that its plan needs without torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkSize:
    """`hidden` units a layer, `bottleneck` between the factors, `blocks`, frames either side at the input."""

    hidden: int = 256
    bottleneck: int = 80
    blocks: int = 9
    input_context: int = 3
