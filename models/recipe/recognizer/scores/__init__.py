"""How good a model directory is, measured with the real libvosk."""
