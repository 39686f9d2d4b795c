"""A model in OPUS-MT's form for tests: made of the starter's parts."""

import json
import shutil
import zipfile
from pathlib import Path


def make_opus(folder: Path, starter_models: Path, *, end_is_written: bool = False) -> Path:
    """Make what a converter would have written. `end_is_written`: as of the transformers library, not of Marian."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(starter_models / "translate-en_fa-starter.argosmodel") as archive:
        for name in archive.namelist():
            inner = Path(name)
            if inner.parent.name == "model":
                (folder / inner.name).write_bytes(archive.read(name))
            if inner.name == "sentencepiece.model":
                (folder / "source.spm").write_bytes(archive.read(name))
    shutil.copyfile(folder / "source.spm", folder / "target.spm")
    if end_is_written:
        configuration = json.loads((folder / "config.json").read_text())
        configuration["add_source_eos"] = False
        (folder / "config.json").write_text(json.dumps(configuration))
    return folder
