"""`asr-pipeline glossary`: what it keeps, prints and refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from asr_pipeline.cli.glossary import app
from asr_pipeline.domain.errors import SettingInvalid


@pytest.fixture(autouse=True)
def _data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_PIPELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ASR_PIPELINE_VOSK_MODEL", "none-is-needed")


def glossary(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def listed(*arguments: str) -> list[tuple[str, str]]:
    result = glossary("list", "--json", *arguments)
    assert result.exit_code == 0
    return [(one["term"], one["translation"]) for one in json.loads(result.stdout)]


def test_terms_are_added_changed_listed_and_removed() -> None:
    assert "glossary add" in glossary("list").stdout
    added = glossary("add", "Train  Station", "ایستگاه راه‌آهن")
    assert added.exit_code == 0
    assert "train station → ایستگاه راه‌آهن" in added.stdout
    assert "No translation into fa is stale." in added.stdout
    glossary("add", "camera", "کمرا")
    glossary("add", "CAMERA", "دوربین")
    assert listed() == [("camera", "دوربین"), ("train station", "ایستگاه راه‌آهن")]
    assert "دوربین" in glossary("list").stdout
    assert glossary("remove", "Camera").exit_code == 0
    assert listed() == [("train station", "ایستگاه راه‌آهن")]


def test_each_language_has_terms_of_its_own() -> None:
    added = glossary("add", "camera", "Kamera", "--language", "de")
    assert added.exit_code == 0
    assert "de is not among ASR_PIPELINE_TARGET_LANGUAGES" in added.stderr
    assert listed() == []
    assert listed("--language", "de") == [("camera", "Kamera")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", " ", "x"), "term: expected some text"),
        (("add", "x", "a\x07"), r"U\+0007"),
        (("add", "x" * 101, "x"), "at most 100"),
        (("add", "x", "y", "--language", "farsi"), "--language"),
        (("list", "--language", "FA"), "ISO 639"),
        (("remove", "camera"), "glossary list"),
        (("import", "none.csv"), r"none\.csv"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_changes(arguments: tuple[str, ...], told: str) -> None:
    result = glossary(*arguments)
    assert isinstance(result.exception, SettingInvalid)
    assert result.exit_code == 1
    with pytest.raises(SettingInvalid, match=told):
        raise result.exception
    assert listed() == []


def test_a_file_is_imported_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "terms.csv"
    path.write_text("term,translation\ncamera,دوربین\nbus\n")
    assert glossary("import", str(path)).exit_code == 1
    assert listed() == []
    path.write_text("term,translation\ncamera,دوربین\nbus,اتوبوس\nBus,مینی‌بوس\n")
    assert "2 terms of" in glossary("import", str(path)).stdout
    assert listed() == [("bus", "مینی‌بوس"), ("camera", "دوربین")]
