"""Adding OPUS-MT models: which languages, what a folder must hold, and that it is there whole or not at all."""

import json
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.storage.models import ModelStore
from asr_pipeline.storage.opus import add_opus, opus_model
from asr_pipeline_tests.engines.opus_models import make_opus


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("opus-mt-en-de", ("en", "de")),
        ("opus-mt-en_fa", ("en", "fa")),
        ("opus-mt-tc-big-en-pt", ("en", "pt")),
        ("opus-mt-deu-eng", ("deu", "eng")),
    ],
)
def test_the_languages_stand_in_the_folders_name(tmp_path: Path, name: str, pair: tuple[str, str]) -> None:
    model = opus_model(tmp_path / name, None, None)
    assert (model.source, model.target) == pair
    named = opus_model(tmp_path / name, "fi", "sv")
    assert (named.source, named.target, named.name) == ("fi", "sv", "opus-mt-fi-sv")


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [("my-model", None, None), ("opus-mt-en-de", "EN", None), ("opus-mt-en-de", "de", None)],
)
def test_languages_that_can_not_be_told_are_asked_for(
    tmp_path: Path, name: str, source: str | None, target: str | None
) -> None:
    with pytest.raises(SettingInvalid, match="--from en --to fa"):
        opus_model(tmp_path / name, source, target)


def test_it_is_copied_and_comes_before_others_of_its_pair(tmp_path: Path, starter_models: Path) -> None:
    store = ModelStore(tmp_path / "models", starter_models)
    source = make_opus(tmp_path / "opus-mt-en-fa", starter_models)
    (source / "pytorch_model.bin").write_bytes(b"not needed")
    folder = add_opus(opus_model(source, None, None, ">>pes<<"), store.models_dir)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == {
        "metadata.json",
        "source.spm",
        "target.spm",
        "model/model.bin",
        "model/config.json",
        "model/shared_vocabulary.json",
    }
    assert json.loads((folder / "metadata.json").read_text())["source_prefix"] == ">>pes<<"
    assert store.resolve_translation_packages([]) == (folder,)
    (status,) = (one for one in store.overview(None, []) if one.path == folder)
    assert (status.in_use, status.fault, status.origin) == (True, None, "own")
    add_opus(opus_model(source, None, None), store.models_dir)  # again: replaced
    assert json.loads((folder / "metadata.json").read_text())["source_prefix"] == ""
    assert [path.name for path in store.models_dir.iterdir() if not path.name.startswith(".")] == ["opus-mt-en-fa"]


@pytest.mark.parametrize("lacking", ["model.bin", "config.json", "source.spm", "target.spm", "shared_vocabulary.json"])
def test_a_folder_that_lacks_something_is_refused_and_changes_nothing(
    tmp_path: Path, starter_models: Path, lacking: str
) -> None:
    source = make_opus(tmp_path / "opus-mt-en-fa", starter_models)
    (source / lacking).unlink()
    with pytest.raises(SetupError, match=f"a folder without {lacking}"):
        add_opus(opus_model(source, None, None), tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no such folder"):
        add_opus(opus_model(tmp_path / "opus-mt-en-fa", None, None), tmp_path / "models")
