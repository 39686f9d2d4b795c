"""How much of everything: the full recipe, and a dry run of a few minutes that goes the same way."""

from dataclasses import dataclass

from models.recipe.recognizer.acoustics.network_size import NetworkSize


@dataclass(frozen=True, slots=True)
class RecipeSize:
    """Counts of sentences and of utterances by kind, augmented copies of each, and steps of training a process.

    `language_sentences` are more of them, for the language model alone.
    """

    sentences: int
    language_sentences: int
    phrase_utterances: int
    digit_strings: int
    unknown_word_utterances: int
    sounds: int
    held_out_sentences: int
    held_out_digit_strings: int
    copies: int
    steps: int
    network: NetworkSize
    frames_a_batch: int = 6000


FULL = RecipeSize(
    sentences=200_000,
    language_sentences=600_000,
    phrase_utterances=16_000,
    digit_strings=1_600,
    unknown_word_utterances=1_600,
    sounds=400,
    held_out_sentences=160,
    held_out_digit_strings=60,
    copies=3,
    steps=8_000,
    network=NetworkSize(),
)
DRY_RUN = RecipeSize(
    sentences=2_000,
    language_sentences=3_000,
    phrase_utterances=160,
    digit_strings=24,
    unknown_word_utterances=12,
    sounds=4,
    held_out_sentences=4,
    held_out_digit_strings=4,
    copies=1,
    steps=24,
    network=NetworkSize(hidden=64, bottleneck=24, blocks=4),
    frames_a_batch=3000,
)
