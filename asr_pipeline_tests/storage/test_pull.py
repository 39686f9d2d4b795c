"""Pulling official models from a server and from a folder: whole, checked, never half installed."""

import hashlib
import json
import logging
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from asr_pipeline.domain.errors import SetupError, StorageFull, TransientFailure
from asr_pipeline.storage.catalogue import CATALOGUE, DEFAULT_NAMES, ModelKind, OfficialModel, official
from asr_pipeline.storage.download import Retries
from asr_pipeline.storage.models import find_argos_fault
from asr_pipeline.storage.pull import PullListener, pull
from asr_pipeline_tests.mirror_server import Fault, MirrorServer, serve

pytestmark = pytest.mark.fault  # a real server, real archives, real syncs to disk: seconds, all together
ONCE = Retries(attempts=1)


@pytest.fixture
def content(starter_models: Path) -> bytes:
    """Give the bytes of a real package."""
    return (starter_models / "translate-en_fa-starter.argosmodel").read_bytes()


@pytest.fixture
def mirror(content: bytes, caplog: pytest.LogCaptureFixture) -> Iterator[MirrorServer]:
    """Serve the package under the official name."""
    caplog.set_level(logging.ERROR)
    with serve() as server:
        server.files["translate-en_fa-1_5.argosmodel"] = content
        yield server


@pytest.fixture
def model(content: bytes) -> OfficialModel:
    """Give a catalogue entry whose size and hash are known."""
    return OfficialModel(
        name="translate-en_fa-1_5",
        kind=ModelKind.ARGOS,
        url="http://official.invalid/v1/translate-en_fa-1_5.argosmodel",
        about_bytes=len(content),
        summary="",
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


@pytest.fixture
def unknown_hash(model: OfficialModel) -> OfficialModel:
    """Give an entry whose publisher tells no hash."""
    return replace(model, size_bytes=None, sha256=None)


def run(model: OfficialModel, models_dir: Path, mirror: MirrorServer | Path, **more: PullListener) -> bool:
    address = str(mirror) if isinstance(mirror, Path) else mirror.url
    return pull(model, models_dir, find_fault=find_argos_fault, mirror=address, retries=ONCE, **more)


def visible(models_dir: Path) -> list[str]:
    return sorted(path.name for path in models_dir.iterdir() if not path.name.startswith("."))


def test_the_catalogue_is_consistent() -> None:
    assert len({model.name for model in CATALOGUE}) == len(CATALOGUE)
    assert {official(name).kind for name in DEFAULT_NAMES} == set(ModelKind)
    for model in CATALOGUE:
        assert model.url.startswith("https://")
        assert model.filename.startswith(model.name)
        assert model.sha256 is None or len(model.sha256) == 64
    with pytest.raises(SetupError, match=r"nonsense.*vosk-model-small-en-us-0\.15"):
        official("nonsense")


def test_a_model_is_installed_from_a_server_once(model: OfficialModel, mirror: MirrorServer, tmp_path: Path) -> None:
    downloaded: list[tuple[int, int | None]] = []
    checked: list[tuple[int, int | None]] = []
    listener = PullListener(
        downloaded=lambda done, total: downloaded.append((done, total)),
        checked=lambda done, total: checked.append((done, total)),
    )

    assert run(model, tmp_path, mirror, listener=listener)

    assert visible(tmp_path) == [model.name]
    assert find_argos_fault(tmp_path / model.name) is None
    assert list((tmp_path / ".downloads").iterdir()) == []
    assert downloaded[-1] == checked[-1] == (model.size_bytes, model.size_bytes)
    assert not run(model, tmp_path, mirror)
    assert len(mirror.requests) == 1


def test_a_model_is_installed_from_a_folder_which_keeps_its_file(
    model: OfficialModel, content: bytes, tmp_path: Path
) -> None:
    usb = tmp_path / "with a space"
    usb.mkdir()
    (usb / model.filename).write_bytes(content)

    assert run(model, tmp_path / "models", usb)
    assert visible(tmp_path / "models") == [model.name]
    assert pull(model, tmp_path / "more", find_fault=find_argos_fault, mirror=usb.as_uri())
    assert (usb / model.filename).read_bytes() == content


@pytest.mark.parametrize("make", [True, False])
def test_a_folder_without_the_file_is_told(model: OfficialModel, tmp_path: Path, *, make: bool) -> None:
    usb = tmp_path / "usb"
    if make:
        usb.mkdir()

    with pytest.raises(SetupError, match=r"usb: expected a folder that holds translate-en_fa-1_5\.argosmodel.*invalid"):
        run(model, tmp_path / "models", usb)


def test_a_wrong_hash_installs_nothing_and_the_next_pull_starts_afresh(
    model: OfficialModel, mirror: MirrorServer, content: bytes, tmp_path: Path
) -> None:
    mirror.files[model.filename] = content[:-1] + b"x"
    with pytest.raises(SetupError, match=f"expected SHA-256 {model.sha256}.*starts afresh"):
        run(model, tmp_path, mirror)
    assert visible(tmp_path) == []
    assert list((tmp_path / ".downloads").iterdir()) == []

    mirror.files[model.filename] = content
    assert run(model, tmp_path, mirror)
    assert [wanted for _, wanted in mirror.requests] == [None, None]


def test_a_wrong_file_in_a_folder_is_told_and_left_alone(model: OfficialModel, content: bytes, tmp_path: Path) -> None:
    usb = tmp_path / "usb"
    usb.mkdir()
    for wrong, told in ((content[:-1] + b"x", "SHA-256"), (content + b"x", "bytes")):
        (usb / model.filename).write_bytes(wrong)
        with pytest.raises(SetupError, match=told):
            run(model, tmp_path / "models", usb)
        assert (usb / model.filename).read_bytes() == wrong


def test_an_unpublished_hash_is_recorded_at_first_and_held_to_later(
    unknown_hash: OfficialModel, mirror: MirrorServer, content: bytes, tmp_path: Path
) -> None:
    run(unknown_hash, tmp_path, mirror)
    record = json.loads((tmp_path / "checksums.json").read_text())[unknown_hash.filename]
    assert record["sha256"] == hashlib.sha256(content).hexdigest()
    assert record["address"] == f"{mirror.url}/{unknown_hash.filename}"
    assert record["date"].endswith("+00:00")

    (tmp_path / unknown_hash.name / "metadata.json").unlink()  # the installed one is damaged: it is fetched anew
    mirror.files[unknown_hash.filename] = content + b"changed"
    with pytest.raises(SetupError, match=r"as recorded on .*found .*remove its entry in .*checksums\.json"):
        run(unknown_hash, tmp_path, mirror)
    mirror.files[unknown_hash.filename] = content
    assert run(unknown_hash, tmp_path, mirror)
    assert find_argos_fault(tmp_path / unknown_hash.name) is None


def test_a_damaged_record_is_told_before_anything_is_fetched(
    unknown_hash: OfficialModel, mirror: MirrorServer, tmp_path: Path
) -> None:
    (tmp_path / "checksums.json").write_text('{"a": 1}')

    with pytest.raises(SetupError, match=r"checksums\.json"):
        run(unknown_hash, tmp_path, mirror)
    assert mirror.requests == []


@pytest.mark.parametrize("spoilt", [b"<html>please log in</html>", b"", "truncated"])
def test_what_is_no_archive_is_neither_installed_nor_recorded(
    unknown_hash: OfficialModel, mirror: MirrorServer, content: bytes, tmp_path: Path, spoilt: bytes | str
) -> None:
    mirror.files[unknown_hash.filename] = content[:-5000] if isinstance(spoilt, str) else spoilt
    with pytest.raises(SetupError, match="a whole zip archive"):
        run(unknown_hash, tmp_path, mirror)
    assert visible(tmp_path) == []

    mirror.files[unknown_hash.filename] = content
    assert run(unknown_hash, tmp_path, mirror)


def test_an_interrupted_pull_goes_on_where_it_stopped(
    model: OfficialModel, mirror: MirrorServer, tmp_path: Path
) -> None:
    mirror.faults.extend([Fault(cut_after_bytes=1_000_000), Fault(status=503)])
    with pytest.raises(TransientFailure, match="Run the command again"):
        run(model, tmp_path, mirror)
    assert visible(tmp_path) == []

    assert run(model, tmp_path, mirror)

    wanted = mirror.requests[-1][1]
    assert wanted
    assert int(wanted[6:-1]) > 900_000
    assert find_argos_fault(tmp_path / model.name) is None


def test_no_network_is_told_and_nothing_changes(model: OfficialModel, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = MirrorServer(url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransientFailure, match="refused"):
            run(model, tmp_path, nobody)
    assert visible(tmp_path) == []


def test_too_little_room_is_told_before_anything_is_fetched(
    model: OfficialModel, mirror: MirrorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000_000))

    with pytest.raises(StorageFull, match="of room, found 1 MB"):
        run(model, tmp_path, mirror)
    assert mirror.requests == []


def test_two_pulls_at_once_fetch_it_once(model: OfficialModel, mirror: MirrorServer, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        fresh = list(pool.map(lambda _: run(model, tmp_path, mirror), range(4)))

    assert sorted(fresh) == [False, False, False, True]
    assert len(mirror.requests) == 1
    assert visible(tmp_path) == [model.name]
