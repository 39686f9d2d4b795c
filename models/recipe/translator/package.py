"""The Argos package: a zip of one folder, byte for byte the same from the same weights."""

import json
import shutil
import zipfile
from pathlib import Path

from models.recipe.translator import card
from models.recipe.translator.export import export, load_network
from models.recipe.translator.sentence_splitter import splitter

NAME = "translate-en_fa-starter"
FILE = f"{NAME}.argosmodel"
VERSION = "2.0"
_METADATA = {
    "package_version": VERSION,
    "argos_version": "1.9.0",
    "from_code": "en",
    "from_name": "English",
    "to_code": "fa",
    "to_name": "Persian",
    "links": [],
}
_DATE = (2026, 1, 1, 0, 0, 0)  # of every file in the zip


def make(work: Path) -> str:
    """Export ``model.pt`` of the folder ``work`` and zip the package there; gives its name and size."""
    folder = work / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    export(load_network(work / "model.pt"), work / "tokenizer.model", folder / "model")
    shutil.copy(work / "tokenizer.model", folder / "sentencepiece.model")
    shutil.copy(card.TEXT, folder / "README.md")
    (folder / "minisbd").mkdir()
    (folder / "minisbd" / "en.onnx").write_bytes(splitter())
    (folder / "metadata.json").write_text(json.dumps(_METADATA, indent=2) + "\n")
    target = work / FILE
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                info = zipfile.ZipInfo(str(file.relative_to(work)), _DATE)
                info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(info, file.read_bytes())
    return f"export: {target}, {target.stat().st_size} bytes"
