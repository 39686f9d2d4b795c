"""How the starter models are made: never a part of the product, nor of its dependencies."""
