"""Which models are here and which are chosen: the setting's, else a pulled official one, else the starter."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asr_pipeline.domain.errors import ModelMissing, SetupError
from asr_pipeline.storage import models as module
from asr_pipeline.storage.archive import FindFault, unpack
from asr_pipeline.storage.models import ModelStore, find_argos_fault, find_vosk_fault, starter_dir

VOSK_FILES = ("am/final.mdl", "conf/model.conf", "conf/mfcc.conf", "graph/HCLr.fst", "graph/Gr.fst")


def make_vosk(folder: Path) -> Path:
    for name in VOSK_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def make_argos(folder: Path, source: str = "en", target: str = "fa") -> Path:
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "model.bin").write_bytes(b"x")
    (folder / "sentencepiece.model").write_bytes(b"x")
    (folder / "metadata.json").write_text(json.dumps({"from_code": source, "to_code": target}))
    return folder


@pytest.fixture
def store(tmp_path: Path, starter_models: Path) -> ModelStore:
    """Give a store without pulled models."""
    return ModelStore(tmp_path / "models", starter_models)


def test_the_clone_has_its_starter_models(starter_models: Path) -> None:
    assert starter_dir() == starter_models
    assert find_vosk_fault(starter_models / module.STARTER_VOSK) is None


def test_without_anything_the_starter_is_used(store: ModelStore) -> None:
    assert store.resolve_vosk(None).name == "vosk-model-starter-en"
    [package] = store.resolve_translation_packages([])
    assert package.name == "translate-en_fa-starter"
    assert find_argos_fault(package) is None
    assert package.is_relative_to(store.models_dir)


def test_a_pulled_official_model_is_preferred_and_the_most_accurate_of_several(store: ModelStore) -> None:
    small = make_vosk(store.models_dir / "vosk-model-small-en-us-0.15")
    assert store.resolve_vosk(None) == small
    large = make_vosk(store.models_dir / "vosk-model-en-us-0.22")
    assert store.resolve_vosk(None) == large
    official = make_argos(store.models_dir / "translate-en_fa-1_5")
    assert store.resolve_translation_packages([]) == (official,)


def test_the_setting_comes_first_as_name_or_path(store: ModelStore, tmp_path: Path) -> None:
    make_vosk(store.models_dir / "vosk-model-en-us-0.22")
    small = make_vosk(store.models_dir / "vosk-model-small-en-us-0.15")
    own = make_vosk(tmp_path / "elsewhere" / "my-model")

    assert store.resolve_vosk("vosk-model-small-en-us-0.15") == small
    assert store.resolve_vosk("vosk-model-starter-en").parent == store.starter_dir
    assert store.resolve_vosk(str(own)) == own

    make_argos(store.models_dir / "translate-en_fa-1_5")
    german = make_argos(tmp_path / "elsewhere" / "en_de", "en", "de")
    assert store.resolve_translation_packages([german]) == (german,)
    archive = store.starter_dir / module.STARTER_ARGOS
    assert [path.name for path in store.resolve_translation_packages([str(archive), german])] == [
        "translate-en_fa-starter",
        "en_de",
    ]


def test_packages_for_other_languages_join_the_starter(store: ModelStore) -> None:
    german = make_argos(store.models_dir / "translate-en_de", "en", "de")
    make_argos(store.models_dir / ".partial-translate-en_es", "en", "es")

    first, second = store.resolve_translation_packages([])

    assert first == german
    assert second.name == "translate-en_fa-starter"


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "vosk-model-en-us-0.22",
            r"0\.22: expected a Vosk model, found no such folder.*models pull vosk-model-en-us-0\.22",
        ),
        (
            "/nowhere/model",
            r"/nowhere/model: .*no such folder.*pull vosk-model-small-en-us-0\.15.*ASR_PIPELINE_VOSK_MODEL",
        ),
    ],
)
def test_a_missing_vosk_model_names_path_and_command(store: ModelStore, setting: str, told: str) -> None:
    with pytest.raises(ModelMissing, match=told):
        store.resolve_vosk(setting)


def test_a_missing_package_names_path_and_command(store: ModelStore, tmp_path: Path) -> None:
    for gone in (tmp_path / "gone.argosmodel", tmp_path / "gone"):
        with pytest.raises(ModelMissing, match=rf"{gone}.*no such folder.*pull translate-en_fa-1_5.*ARGOS_PACKAGES"):
            store.resolve_translation_packages([gone])


def test_no_starter_and_nothing_pulled_is_told(tmp_path: Path) -> None:
    store = ModelStore(tmp_path / "models", tmp_path / "no-starter")

    with pytest.raises(ModelMissing, match="models pull"):
        store.resolve_vosk(None)
    with pytest.raises(ModelMissing, match="models pull"):
        store.resolve_translation_packages([])
    assert {status.fault for status in store.overview(None, []) if status.in_use} == {"not here"}


@pytest.mark.parametrize("missing", VOSK_FILES)
def test_a_pulled_model_that_was_damaged_is_told_not_passed_over(store: ModelStore, missing: str) -> None:
    folder = make_vosk(store.models_dir / "vosk-model-small-en-us-0.15")
    (folder / missing).unlink()

    with pytest.raises(ModelMissing, match=rf"a folder without .*{missing}.*models pull vosk-model-small-en-us-0\.15"):
        store.resolve_vosk(None)


def test_a_vosk_graph_may_be_whole_or_in_two_parts(tmp_path: Path) -> None:
    folder = make_vosk(tmp_path / "model")
    (folder / "graph" / "Gr.fst").rename(folder / "graph" / "HCLG.fst")

    assert find_vosk_fault(folder) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: (path / "metadata.json").unlink(), "without metadata.json"),
        (lambda path: (path / "metadata.json").write_text("{"), "can't be read"),
        (lambda path: (path / "metadata.json").write_bytes(b"\xff"), "can't be read"),
        (lambda path: (path / "metadata.json").write_text("[]"), "does not translate"),
        (lambda path: (path / "metadata.json").write_text('{"type": "sbd"}'), "does not translate"),
        (lambda path: (path / "metadata.json").write_text('{"from_code": "en"}'), "without to_code"),
        (lambda path: shutil.rmtree(path / "model"), "model/model.bin"),
        (lambda path: (path / "sentencepiece.model").unlink(), "sentencepiece.model, bpe.model, or source.spm"),
    ],
)
def test_what_a_package_lacks_is_told(store: ModelStore, change: Callable[[Path], object], told: str) -> None:
    folder = make_argos(store.models_dir / "translate-en_fa-1_5")
    change(folder)

    with pytest.raises(ModelMissing, match=told):
        store.resolve_translation_packages([folder])


def test_a_package_that_is_no_archive_is_told(store: ModelStore, tmp_path: Path) -> None:
    broken = tmp_path / "translate-en_de.argosmodel"
    broken.write_bytes(b"not a zip")
    with pytest.raises(SetupError, match=r"translate-en_de\.argosmodel: expected a whole zip archive"):
        store.resolve_translation_packages([broken])

    store.models_dir.mkdir(exist_ok=True)
    shutil.move(broken, store.models_dir)
    with pytest.raises(SetupError, match="a whole zip archive"):
        store.resolve_translation_packages([])


def test_an_archive_is_unpacked_once_and_anew_when_it_changes(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked = []

    def counted(source: Path, destination: Path, find_fault: FindFault) -> None:
        unpacked.append(destination)
        unpack(source, destination, find_fault)

    monkeypatch.setattr(module, "unpack", counted)
    archive = tmp_path / "own.argosmodel"
    shutil.copy(store.starter_dir / module.STARTER_ARGOS, archive)

    with ThreadPoolExecutor(4) as pool:
        first = set(pool.map(lambda _: store.resolve_translation_packages([archive]), range(4)))
    assert len(first) == len(unpacked) == 1

    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("translate-en_fa-starter/NEW", b"new")
    [changed] = store.resolve_translation_packages([archive])
    assert (changed / "NEW").exists()
    assert {(changed,)} != first


@pytest.mark.fault
def test_two_processes_at_once_unpack_the_starter(store: ModelStore) -> None:
    program = f"""
from pathlib import Path
from asr_pipeline.storage.models import ModelStore
store = ModelStore(Path({str(store.models_dir)!r}), Path({str(store.starter_dir)!r}))
[package] = store.resolve_translation_packages([])
print(package)
"""
    processes = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = {process.communicate(timeout=60)[0] for process in processes}

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(found) == 1
    assert find_argos_fault(Path(found.pop().strip())) is None


def test_the_overview_shows_what_is_here_and_what_is_used(store: ModelStore, tmp_path: Path) -> None:
    make_vosk(store.models_dir / "vosk-model-small-en-us-0.15")
    (make_vosk(store.models_dir / "vosk-model-en-in") / "am" / "final.mdl").unlink()
    make_argos(store.models_dir / "translate-en_de", "en", "de")

    by_name = {status.name: status for status in store.overview(None, [])}

    used = {name for name, status in by_name.items() if status.in_use}
    assert used == {"vosk-model-small-en-us-0.15", "translate-en_de", "translate-en_fa-starter"}
    assert by_name["vosk-model-small-en-us-0.15"].size_bytes == len(VOSK_FILES)
    assert by_name["vosk-model-en-us-0.22"].path is None
    assert by_name["vosk-model-en-us-0.22"].size_bytes > 10**9
    assert by_name["vosk-model-starter-en"].origin == "starter"
    assert by_name["vosk-model-en-in"].origin == "own"
    assert "am/final.mdl" in (by_name["vosk-model-en-in"].fault or "")
    assert by_name["translate-en_fa-starter"].fault is None

    elsewhere = {status.name: status for status in store.overview(str(tmp_path / "gone"), [])}
    assert elsewhere["gone"].fault == "not here"


def test_an_official_package_makes_the_starter_unused(store: ModelStore) -> None:
    make_argos(store.models_dir / "translate-en_fa-1_5")

    used = [status.name for status in store.overview(None, []) if status.in_use]

    assert used == ["translate-en_fa-1_5", "vosk-model-starter-en"]
