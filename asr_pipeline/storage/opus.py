"""OPUS-MT models that a person has converted for CTranslate2: added beside the Argos packages, in the same form.

Such a folder holds what `ct2-transformers-converter --copy_files source.spm target.spm` writes: model, vocabulary, and
a tokenizer for each side. It does not say which languages it is for; what is added gets a `metadata.json` that does.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from asr_pipeline.domain.errors import SettingInvalid, SetupError
from asr_pipeline.domain.translation import is_language_code
from asr_pipeline.storage.archive import install, lock, require_room
from asr_pipeline.storage.models import OPUS_PREFIX, find_argos_fault

TOKENIZERS = ("source.spm", "target.spm")
_MODEL = ("model.bin", "config.json")
_VOCABULARIES = ("shared_vocabulary.json", "source_vocabulary.json", "shared_vocabulary.txt", "source_vocabulary.txt")
_PAIR = re.compile(r"opus-mt-(?:[a-z]+-)*?([a-z]{2,3})[-_]([a-z]{2,3})(?![a-z])")


@dataclass(frozen=True, slots=True)
class OpusModel:
    """A converted model. `prefix` is what a model for several target languages wants before each sentence."""

    folder: Path
    source: str
    target: str
    prefix: str = ""

    @property
    def name(self) -> str:
        """Name under which it is added: one a pair of languages."""
        return f"{OPUS_PREFIX}{self.source}-{self.target}"


def opus_model(folder: Path, source: str | None, target: str | None, prefix: str = "") -> OpusModel:
    """Give a model with its languages, from the folder's name where they are not named. Raises SettingInvalid."""
    found = _PAIR.fullmatch(folder.resolve().name)
    codes = [source or (found[1] if found else ""), target or (found[2] if found else "")]
    if not all(map(is_language_code, codes)) or codes[0] == codes[1]:
        raise SettingInvalid(
            f"the languages of {folder}",
            expected="two ISO codes, or a folder named as opus-mt-en-fa",
            found=" and ".join(repr(code) for code in codes),
            remedy="Name them: --from en --to fa.",
        )
    return OpusModel(folder, codes[0], codes[1], prefix)


def add_opus(model: OpusModel, models_dir: Path) -> Path:
    """Copy a model to where it is used; gives that folder. Raises SetupError, StorageFull."""
    files = _files(model.folder)
    require_room(_existing(models_dir), sum(file.stat().st_size for file in files))

    def fill(folder: Path) -> Path:
        (folder / "model").mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, folder / file.name if file.name in TOKENIZERS else folder / "model" / file.name)
        metadata = {
            "type": "translate",
            "from_code": model.source,
            "to_code": model.target,
            "package_version": model.folder.resolve().name,
            "source_prefix": model.prefix,
        }
        (folder / "metadata.json").write_text(json.dumps(metadata, indent=2), encoding="utf-8")
        return folder

    destination = models_dir / model.name
    with lock(destination):
        install(fill, destination, find_argos_fault, of=model.folder)
    return destination


def _files(folder: Path) -> list[Path]:
    missing = [name for name in (*_MODEL, *TOKENIZERS) if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        missing.append(_VOCABULARIES[0])
    if missing:
        raise SetupError(
            str(folder),
            expected="an OPUS-MT model that was converted for CTranslate2, with its tokenizers",
            found=f"a folder without {', '.join(missing)}" if folder.is_dir() else "no such folder",
            remedy="Convert it: docs/models.md says how.",
        )
    return [*(folder / name for name in (*_MODEL, *TOKENIZERS)), *sorted(folder.glob("*_vocabulary.*"))]


def _existing(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
