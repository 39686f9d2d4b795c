"""Downloads that survive interruptions: resumed where they stopped, tried again, checked by whoever asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests
import stamina

from asr_pipeline.domain.errors import SetupError, StorageFull, TransientFailure
from asr_pipeline.storage.atomic import storage_errors, write_text

CONNECT_TIMEOUT_S = 15
READ_TIMEOUT_S = 60
_CHUNK_BYTES = 2**16  # at most this much is lost where a connection is cut
_TRY_AGAIN_STATUS = frozenset({408, 425, 429})  # and 5xx
_RESUME_REMEDY = "Run the command again: what has arrived is kept and the download goes on from there."

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if known


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a download is tried that makes no headway, and the seconds between: doubled each time, with jitter."""

    attempts: int = 6
    wait_s: float = 1.0
    wait_max_s: float = 30.0


def fetch(url: str, part: Path, *, size_bytes: int | None, progress: Progress, retries: Retries | None = None) -> None:
    """Download `url` into `part`, going on where an earlier call stopped. `size_bytes` is the size it must have.

    Raises TransientFailure where the network or the server fails too often (`part` stays, for the next call),
    SetupError where the address is wrong or gives another file, StorageFull where there is no room.
    """
    retries = retries or Retries()
    most_bytes = 0
    with requests.Session() as session, storage_errors(part.parent):
        part.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                _try(partial(_go_on, session, url, part, size_bytes, progress), retries)
            except TransientFailure as error:
                have = part.stat().st_size if part.exists() else 0
                if isinstance(error, StorageFull) or have <= most_bytes:
                    raise
                most_bytes = have
            else:
                return


def discard(part: Path) -> None:
    """Remove a download and what is noted about it: the next one starts afresh."""
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)


def _try(go_on: Callable[[], None], retries: Retries) -> None:
    for attempt in stamina.retry_context(
        on=_may_pass,
        attempts=retries.attempts,
        timeout=None,
        wait_initial=retries.wait_s,
        wait_max=retries.wait_max_s,
        wait_jitter=retries.wait_s,
    ):
        with attempt:
            go_on()


def _may_pass(error: Exception) -> bool:
    return isinstance(error, TransientFailure) and not isinstance(error, StorageFull)


def _go_on(session: requests.Session, url: str, part: Path, size_bytes: int | None, progress: Progress) -> None:
    note = _read_note(part)
    if note.get("url") != url or not part.exists():
        discard(part)
        note = {}
    have = part.stat().st_size if note else 0
    if have and have == note.get("total_bytes"):
        return
    headers = {"Accept-Encoding": "identity", **_range(have, note)}
    try:
        with session.get(url, stream=True, headers=headers, timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S)) as response:
            _require_good_status(response, url, part)
            if response.status_code == requests.codes.ok:
                part.unlink(missing_ok=True)
                have = 0
            total_bytes = _total_bytes(response, have)
            _require_same_file(response, part, note, have, total_bytes)
            _require_size(url, part, size_bytes, total_bytes)
            new_note = {"url": url, "total_bytes": total_bytes, "validator": _validator(response)}
            write_text(_note_path(part), json.dumps(new_note))
            _receive(response, part, have, total_bytes, progress)
    except requests.exceptions.ChunkedEncodingError as error:
        raise _interrupted(url, f"a cut connection, {part.stat().st_size} bytes in") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _interrupted(url, f"{type(error).__name__}: {error}") from error
    except requests.RequestException as error:
        raise SetupError(
            url, expected="an address to download from", found=str(error), remedy="Check the address, or use --mirror."
        ) from error
    if total_bytes not in (None, part.stat().st_size):
        raise _interrupted(url, f"{part.stat().st_size} of {total_bytes} bytes")


def _range(have: int, note: dict[str, Any]) -> dict[str, str]:
    """Ask for what is missing only, and for the whole if the file has changed since."""
    if not have:
        return {}
    validator = note.get("validator")
    return {"Range": f"bytes={have}-", **({"If-Range": validator} if validator else {})}


def _total_bytes(response: requests.Response, have: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdecimal() else None


def _require_same_file(
    response: requests.Response, part: Path, note: dict[str, Any], have: int, total_bytes: int | None
) -> None:
    """Start afresh where a server without validators sends another part, or a part of another file, than asked for."""
    if response.status_code == requests.codes.ok:
        return
    starts_there = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if not starts_there or note.get("total_bytes") not in (None, total_bytes):
        discard(part)
        raise _interrupted(response.url, "another file, or another part of it, than before")


def _require_size(url: str, part: Path, size_bytes: int | None, total_bytes: int | None) -> None:
    if size_bytes is None or total_bytes in (None, size_bytes):
        return
    discard(part)
    raise SetupError(
        url,
        expected=f"a file of {size_bytes} bytes",
        found=f"{total_bytes} bytes",
        remedy="The address or the mirror gives another file; choose another with --mirror.",
    )


def _receive(response: requests.Response, part: Path, have: int, total_bytes: int | None, progress: Progress) -> None:
    with part.open("ab" if have else "wb") as file:
        progress(have, total_bytes)
        for chunk in response.iter_content(_CHUNK_BYTES):
            file.write(chunk)
            have += len(chunk)
            progress(have, total_bytes)


def _require_good_status(response: requests.Response, url: str, part: Path) -> None:
    status = response.status_code
    if status in (requests.codes.ok, requests.codes.partial_content):
        return
    if status == requests.codes.requested_range_not_satisfiable:
        discard(part)
        raise _interrupted(url, "a file that is shorter than what has arrived of it")
    found = f"HTTP {status} {response.reason}"
    if status >= requests.codes.server_error or status in _TRY_AGAIN_STATUS:
        raise _interrupted(url, found)
    raise SetupError(
        url,
        expected="a file to download",
        found=found,
        remedy="The file may have moved: fetch it by hand and name its folder, or another address, with --mirror.",
    )


def _interrupted(url: str, found: str) -> TransientFailure:
    return TransientFailure(
        url,
        expected="a download that ends",
        found=found,
        remedy=f"{_RESUME_REMEDY} Without network, copy the file here and name its folder with --mirror.",
    )


def _validator(response: requests.Response) -> str | None:
    """Give what If-Range may hold: a strong ETag, else the date of the last change."""
    tag = response.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _note_path(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_note(part: Path) -> dict[str, Any]:
    """Give address, size and validator of a download. A damaged note is as good as none: it starts afresh."""
    try:
        note = json.loads(_note_path(part).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
