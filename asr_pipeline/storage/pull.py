"""Pulling: an official model is downloaded or taken from a mirror, its bytes are checked, and it is installed."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from asr_pipeline.domain.errors import SetupError
from asr_pipeline.storage.archive import FindFault, lock, require_room, unpack
from asr_pipeline.storage.atomic import storage_errors, write_text
from asr_pipeline.storage.catalogue import OfficialModel
from asr_pipeline.storage.download import Progress, Retries, discard, fetch

# Zip makes Vosk models about a third smaller, Argos packages hardly. The exact size is checked before unpacking.
UNPACKED_RATIO = 1.7
CHECKSUMS_NAME = "checksums.json"
DOWNLOADS_NAME = ".downloads"
_HASH_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class PullListener:
    """Who hears of a pull: bytes as they arrive, bytes as they are checked, and that another process is at it."""

    downloaded: Progress = lambda _done, _total: None
    checked: Progress = lambda _done, _total: None
    waiting: Callable[[], None] = lambda: None


def pull(
    model: OfficialModel,
    models_dir: Path,
    *,
    find_fault: FindFault,
    mirror: str | None = None,
    listener: PullListener | None = None,
    retries: Retries | None = None,
) -> bool:
    """Install `model` in `models_dir`; give False where it is there already.

    `mirror` is a folder or an address that holds the file under its own name. `find_fault` looks at the unpacked
    folder. Raises SetupError, TransientFailure or StorageFull; a model is never half installed.
    """
    listener = listener or PullListener()
    destination = models_dir / model.name
    with lock(destination, waiting=listener.waiting):
        if destination.is_dir() and find_fault(destination) is None:
            return False
        _read_records(models_dir)  # a damaged file is told before the download, not after
        part = models_dir / DOWNLOADS_NAME / f"{model.filename}.part"
        folder = _mirror_folder(mirror)
        arrived_bytes = part.stat().st_size if part.exists() else 0
        download_bytes = 0 if folder else max(0, model.about_bytes - arrived_bytes)
        require_room(models_dir, download_bytes + int(model.about_bytes * UNPACKED_RATIO))
        if folder:
            archive, address = _in_folder(folder, model), str(folder)
        else:
            archive, address = part, model.url if mirror is None else f"{mirror.rstrip('/')}/{model.filename}"
            fetch(address, part, size_bytes=model.size_bytes, progress=listener.downloaded, retries=retries)
        try:
            sha256 = _checked(archive, model, models_dir, listener.checked)
            unpack(archive, destination, find_fault)
        except SetupError:
            discard(part)  # a mirror folder's own file stays
            raise
        if model.sha256 is None:
            _record(models_dir, model, sha256, address)
        discard(part)
        return True


def _mirror_folder(mirror: str | None) -> Path | None:
    """Give the folder that a mirror is, or None where it is an address or there is none."""
    if mirror is None:
        return None
    parts = urlsplit(mirror)
    if parts.scheme in ("http", "https"):
        return None
    return Path(unquote(parts.path)) if parts.scheme == "file" else Path(mirror).expanduser()


def _in_folder(folder: Path, model: OfficialModel) -> Path:
    archive = folder / model.filename
    if not archive.is_file():
        raise SetupError(
            str(folder),
            expected=f"a folder that holds {model.filename}",
            found="no such file" if folder.is_dir() else "no such folder",
            remedy=f"Copy the file there; it is published at {model.url}.",
        )
    return archive


def _checked(archive: Path, model: OfficialModel, models_dir: Path, progress: Progress) -> str:
    """Give the SHA-256 of an archive after holding it to the catalogue, or to what was recorded before."""
    total_bytes = archive.stat().st_size
    if model.size_bytes not in (None, total_bytes):
        raise _wrong(archive, f"{model.size_bytes} bytes", f"{total_bytes} bytes")
    digest = hashlib.sha256()
    with archive.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
            progress(file.tell(), total_bytes)
    found = digest.hexdigest()
    if model.sha256 is not None:
        if found != model.sha256:
            raise _wrong(archive, f"SHA-256 {model.sha256}", found)
        return found
    recorded = _read_records(models_dir).get(model.filename)
    if recorded is not None and found != recorded["sha256"]:
        raise _wrong(
            archive,
            f"SHA-256 {recorded['sha256']}, as recorded on {recorded['date']} from {recorded['address']}",
            found,
            f" If the publisher has replaced it, remove its entry in {models_dir / CHECKSUMS_NAME} first.",
        )
    return found


def _wrong(archive: Path, expected: str, found: str, more: str = "") -> SetupError:
    return SetupError(
        str(archive),
        expected=expected,
        found=found,
        remedy=f"The file is damaged or another one; it was not installed, and the next pull starts afresh.{more}",
    )


def _read_records(models_dir: Path) -> dict[str, dict[str, Any]]:
    """Give what was recorded at first downloads: file name -> SHA-256, date and address."""
    path = models_dir / CHECKSUMS_NAME
    if not path.exists():
        return {}
    try:
        records = json.loads(path.read_text())
        return {name: {key: entry[key] for key in ("sha256", "date", "address")} for name, entry in records.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SetupError(
            str(path),
            expected="a JSON object of file names with sha256, date and address",
            found=f"{type(error).__name__}: {error}",
            remedy="Repair the file, or remove it: the next download's hash is then recorded anew.",
        ) from error


def _record(models_dir: Path, model: OfficialModel, sha256: str, address: str) -> None:
    path = models_dir / CHECKSUMS_NAME
    with lock(path), storage_errors(models_dir):
        records = _read_records(models_dir)
        if model.filename not in records:
            date = datetime.now(UTC).isoformat(timespec="seconds")
            records[model.filename] = {"sha256": sha256, "date": date, "address": address}
            write_text(path, json.dumps(records, indent=2, sort_keys=True) + "\n")
