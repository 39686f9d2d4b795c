"""Which models are here, and which are used: the setting's, else an official one that was pulled, else the starter."""

import hashlib
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asr_pipeline.domain.errors import ModelMissing
from asr_pipeline.storage.archive import lock, unpack
from asr_pipeline.storage.catalogue import CATALOGUE, DEFAULT_NAMES, ModelKind

PACKAGE_SUFFIX = ".argosmodel"
STARTER_VOSK = "vosk-model-starter-en"
STARTER_ARGOS = f"translate-en_fa-starter{PACKAGE_SUFFIX}"
OPUS_PREFIX = "opus-mt-"
STARTER_SUMMARY = "for demonstration and tests: an everyday phrasebook of 3,032 words, not open English"
UNPACKED_NAME = ".unpacked"
_VOSK_FILES = ("am/final.mdl", "conf/model.conf", "conf/mfcc.conf")
_VOSK_GRAPHS = (("graph/HCLG.fst",), ("graph/HCLr.fst", "graph/Gr.fst"))  # ready, or put together while decoding
_TOKENIZERS = (("sentencepiece.model",), ("bpe.model",), ("source.spm", "target.spm"))


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model of the catalogue or on this machine. `path` is None where it is not here.

    `origin` is official, starter or own. `fault` says why a model that is here can't be used.
    """

    name: str
    kind: ModelKind
    origin: str
    path: Path | None
    in_use: bool
    size_bytes: int
    summary: str
    fault: str | None


def starter_dir() -> Path:
    """Give the folder of the starter models: inside an installed package, or the clone's `models/starter`."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "_models" / "starter"
    return packaged if packaged.is_dir() else package.parent / "models" / "starter"


def find_vosk_fault(folder: Path) -> str | None:
    """Say what a folder lacks to be a Vosk model, or None. libvosk itself says only that it failed."""
    if not folder.is_dir():
        return "no such folder"
    missing = [name for name in _VOSK_FILES if not (folder / name).is_file()]
    if not any(all((folder / name).is_file() for name in graph) for graph in _VOSK_GRAPHS):
        missing.append("graph/HCLG.fst, or graph/HCLr.fst with graph/Gr.fst")
    return f"a folder without {', '.join(missing)}" if missing else None


def find_argos_fault(folder: Path) -> str | None:
    """Say what a folder lacks to be an unpacked Argos package, or None."""
    if not folder.is_dir():
        return "no such folder"
    if not (folder / "metadata.json").is_file():
        return "a folder without metadata.json"
    try:
        metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    except ValueError as error:
        return f"a metadata.json that can't be read ({error})"
    if not isinstance(metadata, dict) or metadata.get("type", "translate") != "translate":
        return "a package that does not translate"
    missing = [code for code in ("from_code", "to_code") if not metadata.get(code)]
    if not (folder / "model" / "model.bin").is_file():
        missing.append("model/model.bin")
    if not any(all((folder / name).is_file() for name in tokenizer) for tokenizer in _TOKENIZERS):
        missing.append("sentencepiece.model, bpe.model, or source.spm with target.spm")
    return f"a package without {', '.join(missing)}" if missing else None


FIND_FAULT = {ModelKind.VOSK: find_vosk_fault, ModelKind.ARGOS: find_argos_fault}


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Models under `models_dir` (pulled, or put there by hand) and in `starter_dir`."""

    models_dir: Path
    starter_dir: Path

    def resolve_vosk(self, setting: str | None) -> Path:
        """Give the folder of the Vosk model to use. `setting` is a name or a path. Raises ModelMissing."""
        return self._usable(self._choose_vosk(setting), ModelKind.VOSK)

    def resolve_translation_packages(self, setting: Sequence[str | Path]) -> tuple[Path, ...]:
        """Give the folders of the Argos packages to use, preferred ones first; archives are unpacked at first use.

        `setting` holds folders and .argosmodel files; where it is empty, all that are here. Raises ModelMissing.
        """
        chosen = [Path(path).expanduser() for path in setting] or self._default_packages()
        return tuple(self._usable(self._unpacked(path), ModelKind.ARGOS) for path in chosen)

    def overview(self, vosk_setting: str | None, argos_setting: Sequence[str | Path]) -> list[ModelStatus]:
        """Give every model that is here or in the catalogue, and which of them the settings choose."""
        vosk = self._choose_vosk(vosk_setting)
        defaults = self._default_packages()
        packages = [Path(path).expanduser() for path in argos_setting] or defaults
        used = {vosk, *packages}
        listed = {
            path: self._status(
                path, model.kind, "official", in_use=path in used, summary=model.summary, about_bytes=model.about_bytes
            )
            for model in CATALOGUE
            for path in (self.models_dir / model.name,)
        }
        for kind, name in ((ModelKind.VOSK, STARTER_VOSK), (ModelKind.ARGOS, STARTER_ARGOS)):
            path = self.starter_dir / name
            listed[path] = self._status(path, kind, "starter", in_use=path in used, summary=STARTER_SUMMARY)
        own = dict.fromkeys([*self._own_vosk(), vosk], ModelKind.VOSK)
        own |= dict.fromkeys([*defaults, *packages], ModelKind.ARGOS)
        for path, kind in own.items():
            if path not in listed:
                listed[path] = self._status(path, kind, "own", in_use=path in used)
        return list(listed.values())

    def _choose_vosk(self, setting: str | None) -> Path:
        if setting:
            for folder in (self.models_dir, self.starter_dir):
                if setting == Path(setting).name and (folder / setting).is_dir():
                    return folder / setting
            named = self.models_dir / setting
            return named if any(setting == model.name for model in CATALOGUE) else Path(setting).expanduser()
        for model in CATALOGUE:
            if model.kind is ModelKind.VOSK and (self.models_dir / model.name).is_dir():
                return self.models_dir / model.name
        return self.starter_dir / STARTER_VOSK

    def _default_packages(self) -> list[Path]:
        """OPUS-MT models that were added, official packages that were pulled, those put here by hand, the starter.

        One a pair.
        """
        found = sorted(self.models_dir.glob(f"{OPUS_PREFIX}*"))
        found += [self.models_dir / model.name for model in CATALOGUE if model.kind is ModelKind.ARGOS]
        if self.models_dir.is_dir():
            here = (path for path in self.models_dir.iterdir() if not path.name.startswith("."))
            found += sorted(path for path in here if path.suffix == PACKAGE_SUFFIX or (path / "metadata.json").exists())
        found = [*filter(Path.exists, found), self.starter_dir / STARTER_ARGOS]
        first_of: dict[object, Path] = {}
        for path in found:
            first_of.setdefault(_pair(path) or path, path)
        return list(first_of.values())

    def _own_vosk(self) -> list[Path]:
        here = self.models_dir.iterdir() if self.models_dir.is_dir() else ()
        return sorted(path for path in here if not path.name.startswith(".") and (path / "am").is_dir())

    @staticmethod
    def _status(
        path: Path, kind: ModelKind, origin: str, *, in_use: bool, summary: str = "", about_bytes: int = 0
    ) -> ModelStatus:
        here = path.exists()
        fault = None
        if here and path.is_dir():
            fault = FIND_FAULT[kind](path)
        elif in_use and not here:
            fault = "not here"
        name = path.name.removesuffix(PACKAGE_SUFFIX)
        size_bytes = _size_bytes(path) if here else about_bytes
        return ModelStatus(name, kind, origin, path if here else None, in_use, size_bytes, summary, fault)

    def _unpacked(self, path: Path) -> Path:
        """Give the folder of a package; an archive is unpacked into a folder named by its content, once."""
        if path.suffix != PACKAGE_SUFFIX or not path.is_file():
            return path
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        destination = self.models_dir / UNPACKED_NAME / sha256[:12] / path.stem
        if find_argos_fault(destination) is not None:
            with lock(destination):
                if find_argos_fault(destination) is not None:  # another process may have been faster
                    unpack(path, destination, find_argos_fault)
        return destination

    def _usable(self, path: Path, kind: ModelKind) -> Path:
        fault = FIND_FAULT[kind](path)
        if fault is None:
            return path
        name = path.name if any(model.name == path.name for model in CATALOGUE) else _default_name(kind)
        setting = "ASR_PIPELINE_VOSK_MODEL" if kind is ModelKind.VOSK else "ASR_PIPELINE_ARGOS_PACKAGES"
        raise ModelMissing(
            str(path),
            expected="a Vosk model" if kind is ModelKind.VOSK else "an Argos package",
            found=fault,
            remedy=f"Run `asr-pipeline models pull {name}`, or set {setting}.",
        )


def _pair(package: Path) -> tuple[str, str] | None:
    """Give the languages of a package, folder or archive, or None where it does not tell: using it tells why."""
    try:
        if package.is_dir():
            metadata = json.loads((package / "metadata.json").read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(package) as archive:
                name = min((name for name in archive.namelist() if name.endswith("metadata.json")), key=len)
                metadata = json.loads(archive.read(name))
        return str(metadata["from_code"]), str(metadata["to_code"])
    except (OSError, ValueError, LookupError, TypeError, zipfile.BadZipFile):
        return None


def _default_name(kind: ModelKind) -> str:
    return next(model.name for model in CATALOGUE if model.kind is kind and model.name in DEFAULT_NAMES)


def _size_bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
