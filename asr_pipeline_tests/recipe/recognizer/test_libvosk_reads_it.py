"""Real libvosk loads what the recipe writes, and computes the same features and the same network."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.recipe.recognizer.acoustics import phones
from models.recipe.recognizer.acoustics.features import COEFFICIENTS, SUBSAMPLING, mfcc
from models.recipe.recognizer.acoustics.pronunciations import with_unknown
from models.recipe.recognizer.decoding import language_model
from models.recipe.recognizer.decoding.graph import build_graph
from models.recipe.recognizer.kaldi.model_directory import write_configuration, write_final_mdl
from models.recipe.recognizer.kaldi.network import KaldiNetwork, Normalisation

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(not shutil.which("fstconvert"), reason="needs Debian's libfst-tools"),
]

LEXICON = {"no": ("N OW",), "to": ("T UW",), "two": ("T UW",), "oh": ("OW",)}
SCALE = 0.02
"""Of the coefficient that the network gives: small, so that no path is pruned for it."""


@pytest.fixture(scope="module")
def graph_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    language = language_model.train(["no two", "oh no", "two to two"], set(LEXICON))
    build_graph(folder / "graph", with_unknown(LEXICON), language, folder / "work")
    return folder


def one_coefficient(number: int | None) -> KaldiNetwork:
    """Make a network whose every output is one MFCC coefficient of the frame, or nothing."""
    hidden = 2 * COEFFICIENTS  # a rectifier passes half: one unit for each sign
    first = np.zeros((hidden, 3, COEFFICIENTS))
    for coefficient in range(COEFFICIENTS):
        first[coefficient, 1, coefficient] = 1
        first[COEFFICIENTS + coefficient, 1, coefficient] = -1
    output = np.zeros((phones.PDF_COUNT, hidden))
    if number is not None:
        output[:, number], output[:, COEFFICIENTS + number] = SCALE, -SCALE
    epsilon = 1e-3
    return KaldiNetwork(
        input_context=1,
        epsilon=epsilon,
        first_weights=first.reshape(hidden, -1),
        first_bias=np.zeros(hidden),
        first_norm=Normalisation(np.zeros(hidden), np.full(hidden, 1 - epsilon)),
        blocks=(),
        output_weights=output,
        output_bias=np.zeros(phones.PDF_COUNT),
    )


def load(graph_dir: Path, network: KaldiNetwork) -> Any:  # noqa: ANN401 - vosk has no types
    import vosk

    vosk.SetLogLevel(-1)
    write_configuration(graph_dir)
    write_final_mdl(graph_dir, network)
    return vosk.Model(str(graph_dir))


def best_path_score(model: Any, pcm: np.ndarray) -> float:  # noqa: ANN401
    import vosk

    recognizer = vosk.KaldiRecognizer(model, 16_000)
    recognizer.SetMaxAlternatives(1)
    recognizer.AcceptWaveform(pcm.tobytes())
    score: float = json.loads(recognizer.FinalResult())["alternatives"][0]["confidence"]
    return score


def test_our_features_are_libvosks(graph_dir: Path) -> None:
    pytest.importorskip("kaldi_native_fbank", reason="comes with the recipe's environment alone: make models-test")
    generator = np.random.default_rng(0)
    noise = np.convolve(generator.normal(size=32_000), [1, 0.9, 0.5], "same")
    pcm = (noise * 1500).astype("<i2")
    features = mfcc((pcm / 32768).astype(np.float32))[::SUBSAMPLING]
    nothing = best_path_score(load(graph_dir, one_coefficient(None)), pcm)
    for number in (0, 1, 5, 13, 39):
        theirs = best_path_score(load(graph_dir, one_coefficient(number)), pcm) - nothing
        assert theirs == pytest.approx(SCALE * float(features[:, number].sum()), abs=0.02), f"coefficient {number}"


def test_a_grammar_at_run_time_keeps_to_its_words(graph_dir: Path) -> None:
    import vosk

    model = load(graph_dir, one_coefficient(0))
    recognizer = vosk.KaldiRecognizer(model, 16_000, '["no", "oh no", "[unk]"]')
    recognizer.SetWords(True)  # noqa: FBT003 - the bindings take it by position
    recognizer.AcceptWaveform((np.random.default_rng(0).normal(size=16_000) * 1000).astype("<i2").tobytes())
    assert set(json.loads(recognizer.FinalResult())["text"].split()) <= {"no", "oh", "[unk]"}
