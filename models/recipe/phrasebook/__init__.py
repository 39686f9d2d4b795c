"""A two-sided English and Persian grammar that writes pairs of sentences.

``sentences`` is what the recipes of the recognizer and the translator read; ``vocabulary`` is what can be heard.
The words lie in ``words/*.txt``, the templates in ``topics/*.txt``; the modules hold spelling, agreement and numbers.
"""

from models.recipe.phrasebook.generation import Pair, held_out, sentences, vocabulary

__all__ = ["Pair", "held_out", "sentences", "vocabulary"]
