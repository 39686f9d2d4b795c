"""A dry run: data, training that stops and goes on, export, package, scores. `make models-test` has what it needs."""

import json
import random
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from models.recipe.translator import data, tokenizer
from models.recipe.translator.batches import batches, padded
from models.recipe.translator.sizes import DRY_RUN

torch = pytest.importorskip("torch", reason="torch comes with the recipe's environment alone: make models-test")
pytest.importorskip("onnx", reason="onnx comes with the recipe's environment alone: make models-test")


def _silent(text: str) -> None:
    del text


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from models.recipe.translator import training

    folder = tmp_path_factory.mktemp("translator")
    training.one_thread_each()
    data.make(folder, DRY_RUN, seed=7, say=_silent)
    tokenizer.train(folder, DRY_RUN.pieces)
    training.train(folder, replace(DRY_RUN, updates=6), processes=2)
    training.train(folder, DRY_RUN, processes=2)
    return folder


def test_training_goes_on_from_its_checkpoint(work: Path) -> None:
    progress = torch.load(work / "checkpoint.pt")["progress"]
    assert progress["update"] == DRY_RUN.updates
    assert progress["lines"] > DRY_RUN.updates


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_ctranslate2_computes_what_pytorch_computes(work: Path, tmp_path: Path, quantization: str | None) -> None:
    from models.recipe.translator.export import (
        export,
        load_network,
        log_probabilities,
        log_probabilities_ctranslate2,
    )

    network = load_network(work / "model.pt")
    export(network, work / "tokenizer.model", tmp_path / "model", quantization)
    pieces = tokenizer.load(work / "tokenizer.model")
    for source, target in data.read(work / "test_combinations.tsv")[:5]:
        expected = log_probabilities(network, pieces.encode(source), pieces.encode(target))
        got = log_probabilities_ctranslate2(
            tmp_path / "model", pieces.encode(source, out_type=str), pieces.encode(target, out_type=str)
        )
        assert got == pytest.approx(expected, abs=1e-3 if quantization is None else 0.1)


def test_the_package_is_one_folder_and_the_same_each_time(work: Path) -> None:
    from models.recipe.translator import package

    package.make(work)
    first = (work / package.FILE).read_bytes()
    package.make(work)
    assert (work / package.FILE).read_bytes() == first
    with zipfile.ZipFile(work / package.FILE) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {package.NAME}
    assert {"metadata.json", "README.md", "sentencepiece.model", "minisbd/en.onnx"} <= {
        name.split("/", 1)[1] for name in names
    }


def test_argos_installs_the_package(work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ARGOS_PACKAGES_DIR", str(tmp_path / "packages"))
    argos = pytest.importorskip("argostranslate.package", reason="argostranslate is installed with the product")
    from models.recipe.translator import package

    package.make(work)
    with zipfile.ZipFile(work / package.FILE) as archive:  # as install_from_path does, before it imports stanza
        archive.extractall(tmp_path / "packages")
    (installed,) = argos.get_installed_packages(path=[tmp_path / "packages"])
    assert (installed.from_code, installed.to_code) == ("en", "fa")
    assert installed.tokenizer.decode(installed.tokenizer.encode("می‌روم")) == "می‌روم"


def test_scores_are_written_down(work: Path) -> None:
    from models.recipe.translator import package, scoring

    package.make(work)
    scoring.report(work, work / package.FILE)
    written = json.loads((work / "scores.json").read_text())
    assert {score["test"] for score in written["scores"]} == set(data.TESTS)
    assert written["facts"]["load_s"] > 0
    assert "| equal digits | written |" in (work / f"{package.NAME}.md").read_text()


def test_batches_hold_each_line_once_and_no_more_tokens_than_allowed() -> None:
    rng = random.Random(1)
    lengths = [(rng.randint(1, 20), rng.randint(1, 20)) for _ in range(3_000)]
    found = list(batches(lengths, 200, random.Random(2)))
    assert sorted(index for batch in found for index in batch) == list(range(3_000))
    assert max(len(batch) * max(max(lengths[index]) for index in batch) for batch in found) <= 200
    assert found == list(batches(lengths, 200, random.Random(2)))
    assert padded([[5], [6, 7]]).tolist() == [[5, tokenizer.PADDING], [6, 7]]
