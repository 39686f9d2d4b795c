"""A two-sided English and Persian grammar that writes pairs of sentences.

``sentences`` is what the recognizer's and the translator's recipes read; ``vocabulary`` is what the recognizer can hear.
The words lie in ``words/*.txt``, the templates in ``topics/*.txt``; the modules hold spelling, agreement and numbers.
"""

from models.recipe.phrasebook.generation import Pair, held_out, sentences, vocabulary

__all__ = ["Pair", "held_out", "sentences", "vocabulary"]
