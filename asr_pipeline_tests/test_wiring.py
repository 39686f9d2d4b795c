"""Settings become engines: what is put together, and what stops it."""

import shutil
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import SetupError
from asr_pipeline.settings import load_settings
from asr_pipeline.wiring.pipeline import open_pipeline


def test_phrases_reach_the_recognizer_and_its_version(tmp_path: Path) -> None:
    phrases = tmp_path / "phrases.txt"
    phrases.write_text("zero\none\n")
    with open_pipeline(load_settings(data_dir=tmp_path / "a", recognizer_phrases=phrases)) as pipeline:
        restricted = pipeline.tools.transcriber.version
    with open_pipeline(load_settings(data_dir=tmp_path / "b")) as pipeline:
        assert restricted.version.startswith(f"{pipeline.tools.transcriber.version.version} phrases ")


def test_a_model_that_takes_no_phrases_stops_it(tmp_path: Path, starter_models: Path) -> None:
    fixed = shutil.copytree(starter_models / "vosk-model-starter-en", tmp_path / "fixed")
    (fixed / "graph" / "Gr.fst").rename(fixed / "graph" / "HCLG.fst")
    (tmp_path / "phrases.txt").write_text("zero\n")
    settings = load_settings(
        data_dir=tmp_path / "data", vosk_model=str(fixed), recognizer_phrases=tmp_path / "phrases.txt"
    )
    with pytest.raises(SetupError, match="takes phrases at run time"), open_pipeline(settings):
        pass
