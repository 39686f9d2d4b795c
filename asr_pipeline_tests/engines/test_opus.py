"""OPUS-MT models through the real engine: the starter's parts in that form translate as the starter does."""

from pathlib import Path

import pytest

from asr_pipeline.domain.errors import ModelMissing
from asr_pipeline.domain.glossary import Glossary, glossary_entry
from asr_pipeline.engines.argos import ArgosTranslator
from asr_pipeline.engines.argos_package import open_package
from asr_pipeline.storage.models import ModelStore
from asr_pipeline.storage.opus import OpusModel, add_opus
from asr_pipeline_tests.engines.opus_models import make_opus

pytestmark = pytest.mark.engine

SENTENCES = ["The camera in the garden is broken.", "Our teacher has a fever.", "", "Has she done the shopping yet?"]


@pytest.fixture
def store(tmp_path: Path, starter_models: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", starter_models)


def added(tmp_path: Path, store: ModelStore, starter_models: Path, *, end_is_written: bool, prefix: str = "") -> Path:
    source = make_opus(tmp_path / "opus-mt-en-fa", starter_models, end_is_written=end_is_written)
    return add_opus(OpusModel(source, "en", "fa", prefix), store.models_dir)


@pytest.mark.parametrize("end_is_written", [False, True])
def test_it_translates_as_the_same_model_in_argos_form(
    tmp_path: Path, store: ModelStore, starter_models: Path, *, end_is_written: bool
) -> None:
    argos = ArgosTranslator(store.resolve_translation_packages([]))
    expected = argos.translate(SENTENCES, source="en", target="fa")
    folder = added(tmp_path, store, starter_models, end_is_written=end_is_written)
    assert store.resolve_translation_packages([]) == (folder,)
    opus = ArgosTranslator((folder,))
    assert opus.translate(SENTENCES, source="en", target="fa") == expected
    assert opus.pairs() == {("en", "fa")}
    before, now = argos.version("en", "fa"), opus.version("en", "fa")
    assert before.engine.startswith("argos (")
    assert now.engine.startswith("opus-mt (")
    assert now.model == "opus-mt-en-fa"
    assert before.version != now.version


def test_terms_of_the_glossary_are_put(tmp_path: Path, store: ModelStore, starter_models: Path) -> None:
    folder = added(tmp_path, store, starter_models, end_is_written=True)
    glossary = Glossary([glossary_entry("camera", "نگاره‌گیر", "fa")])
    (text,) = ArgosTranslator((folder,)).translate(SENTENCES[:1], source="en", target="fa", glossary=glossary)
    assert "نگاره‌گیر" in text


def test_a_token_stands_before_each_sentence_and_the_end_behind(
    tmp_path: Path, store: ModelStore, starter_models: Path
) -> None:
    package = open_package(added(tmp_path, store, starter_models, end_is_written=True, prefix=">>pes<<"))
    tokens = package.tokenizer.encode("The camera.")
    assert (tokens[0], tokens[-1]) == (">>pes<<", "</s>")
    assert package.tokenizer.decode(tokens[1:-1]) == "the camera."  # the starter's tokenizer folds case
    assert package.tokenizer.encode(" ") == []


@pytest.mark.fault
def test_a_broken_tokenizer_is_told(tmp_path: Path, store: ModelStore, starter_models: Path) -> None:
    folder = added(tmp_path, store, starter_models, end_is_written=True)
    (folder / "source.spm").write_bytes(b"no model")
    with pytest.raises(ModelMissing, match="opus-mt-en-fa"):
        ArgosTranslator((folder,)).preload("en", "fa")
