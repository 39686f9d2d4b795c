"""Weights, lexicon and sentences, put together into a directory that libvosk loads."""

import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from models.recipe.recognizer.acoustics.pronunciations import with_unknown
from models.recipe.recognizer.decoding import language_model
from models.recipe.recognizer.decoding.graph import GraphSize, build_graph
from models.recipe.recognizer.kaldi.model_directory import write_configuration, write_final_mdl
from models.recipe.recognizer.kaldi.network import KaldiNetwork
from models.recipe.recognizer.voices.human_digits import DIGIT_WORDS

MODEL_NAME = "vosk-model-starter-en"
_DIGIT_STRINGS = 0.04  # a string of digits for every 25 sentences
_OH_SHARE = 0.3  # of digit strings, in which zero is said as "oh"

README = """A small English starter model for Vosk (Kaldi nnet3 chain TDNN-F, look-ahead graph).

Trained from scratch on synthetic speech (espeak-ng, flite, festival) and on the Free Spoken
Digit Dataset (CC BY-SA 4.0, github.com/Jakobovski/free-spoken-digit-dataset); the weights are
offered under CC BY-SA 4.0. It knows {words:,} words. It is a stand-in for demos and tests,
not a general recognizer.
"""


def build_model(
    model_dir: Path,
    work_dir: Path,
    network: KaldiNetwork,
    lexicon: Mapping[str, tuple[str, ...]],
    sentences: Iterable[str],
) -> GraphSize:
    """Write the model beside its place, then put it there whole."""
    part = model_dir.with_name(f"{model_dir.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    write_configuration(part)
    write_final_mdl(part, network)
    language = language_model.train(language_text(list(sentences)), set(lexicon))
    size = build_graph(part / "graph", with_unknown(lexicon), language, work_dir)
    (part / "README").write_text(README.format(words=size.words - 1), encoding="utf-8")
    shutil.rmtree(model_dir, ignore_errors=True)
    part.replace(model_dir)
    return size


def language_text(sentences: Sequence[str]) -> list[str]:
    """Add strings of digits, so that any digit may follow any other."""
    chance = random.Random(9)
    return [*sentences, *(_digit_string(chance) for _ in range(int(len(sentences) * _DIGIT_STRINGS)))]


def _digit_string(chance: random.Random) -> str:
    zero = "oh" if chance.random() < _OH_SHARE else "zero"
    digits = (chance.choice(DIGIT_WORDS) for _ in range(chance.randint(1, 8)))
    return " ".join(zero if digit == "zero" else digit for digit in digits)
