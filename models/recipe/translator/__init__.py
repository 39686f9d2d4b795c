"""The starter translator: sentences of the phrasebook, a small Transformer, an Argos package."""
