"""Downloads against a web server that misbehaves."""

import json
import logging
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import SetupError, TransientFailure
from asr_pipeline.storage.download import Retries, discard, fetch
from asr_pipeline_tests.mirror_server import Fault, MirrorServer, serve

pytestmark = pytest.mark.fault
CONTENT = random.Random(1).randbytes(1_000_000)  # noqa: S311 - repeatable bytes
QUICK = Retries(attempts=4, wait_s=0.001, wait_max_s=0.002)
ONCE = Retries(attempts=1)


@pytest.fixture
def mirror(caplog: pytest.LogCaptureFixture) -> Iterator[MirrorServer]:
    """Serve one file, `model.zip`."""
    caplog.set_level(logging.ERROR)
    with serve() as server:
        server.files["model.zip"] = CONTENT
        yield server


def get(mirror: MirrorServer, part: Path, *, retries: Retries = QUICK, size_bytes: int | None = None) -> list[int]:
    """Download, and give the progress that was told."""
    told: list[int] = []
    fetch(
        f"{mirror.url}/model.zip",
        part,
        size_bytes=size_bytes,
        progress=lambda done, _total: told.append(done),
        retries=retries,
    )
    return told


def test_a_whole_file_arrives_and_progress_is_told(mirror: MirrorServer, tmp_path: Path) -> None:
    told = get(mirror, tmp_path / "new" / "model.part", size_bytes=len(CONTENT))

    assert (tmp_path / "new" / "model.part").read_bytes() == CONTENT
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, len(CONTENT))


def test_a_cut_connection_is_resumed_within_one_call(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.faults.extend([Fault(cut_after_bytes=300_000), Fault(cut_after_bytes=300_000)])
    part = tmp_path / "model.part"

    get(mirror, part)

    assert part.read_bytes() == CONTENT
    asked_from = [int(wanted[6:-1]) if wanted else 0 for _, wanted in mirror.requests]
    assert asked_from[0] == 0
    assert 230_000 < asked_from[1] <= 300_000
    assert 460_000 < asked_from[2] <= 600_000


def test_attempts_are_counted_anew_while_there_is_headway(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.faults.extend([Fault(cut_after_bytes=100_000)] * 6)  # each adds one whole chunk

    get(mirror, tmp_path / "model.part", retries=ONCE)

    assert (tmp_path / "model.part").read_bytes() == CONTENT


def test_a_later_call_resumes_what_an_earlier_one_left(mirror: MirrorServer, tmp_path: Path) -> None:
    part = tmp_path / "model.part"
    mirror.faults.append(Fault(cut_after_bytes=400_000))
    mirror.faults.append(Fault(status=500))
    with pytest.raises(TransientFailure, match="Run the command again"):
        get(mirror, part, retries=ONCE)
    have = part.stat().st_size
    assert 400_000 - 2**16 < have <= 400_000

    get(mirror, part, retries=ONCE)

    assert part.read_bytes() == CONTENT
    assert mirror.requests[-1] == ("/model.zip", f"bytes={have}-")
    get(mirror, part)
    assert len(mirror.requests) == 3, "a whole file is not asked for again"


@pytest.mark.parametrize("has_etags", [True, False])
def test_a_file_that_changed_in_between_is_fetched_anew(
    mirror: MirrorServer, tmp_path: Path, *, has_etags: bool
) -> None:
    part = tmp_path / "model.part"
    mirror.has_etags = has_etags
    mirror.faults.append(Fault(cut_after_bytes=400_000))
    mirror.faults.append(Fault(status=500))
    with pytest.raises(TransientFailure):
        get(mirror, part, retries=ONCE)
    mirror.files["model.zip"] = CONTENT[::-1] + b"longer"

    get(mirror, part)

    assert part.read_bytes() == CONTENT[::-1] + b"longer"


def test_a_file_that_became_shorter_is_fetched_anew(mirror: MirrorServer, tmp_path: Path) -> None:
    part = tmp_path / "model.part"
    mirror.has_etags = False
    mirror.faults.append(Fault(cut_after_bytes=400_000))
    mirror.faults.append(Fault(status=500))
    with pytest.raises(TransientFailure):
        get(mirror, part, retries=ONCE)
    mirror.files["model.zip"] = b"short"

    get(mirror, part)

    assert part.read_bytes() == b"short"


def test_a_server_that_ignores_ranges_sends_all_again(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.knows_ranges = False
    mirror.faults.append(Fault(cut_after_bytes=400_000))

    get(mirror, tmp_path / "model.part")

    assert (tmp_path / "model.part").read_bytes() == CONTENT


def test_a_server_that_does_not_tell_the_length(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.tells_length = False

    get(mirror, tmp_path / "model.part")

    assert (tmp_path / "model.part").read_bytes() == CONTENT


def test_another_address_never_continues_a_file(mirror: MirrorServer, tmp_path: Path) -> None:
    part = tmp_path / "model.part"
    part.write_bytes(b"x" * 10)
    note = part.with_name("model.part.json")
    note.write_text(json.dumps({"url": "http://elsewhere/model.zip", "total_bytes": 20, "validator": None}))
    get(mirror, part)
    assert part.read_bytes() == CONTENT

    note.write_text("{damaged")
    get(mirror, part)
    assert part.read_bytes() == CONTENT
    discard(part)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_busy_server_is_asked_again(mirror: MirrorServer, tmp_path: Path, status: int) -> None:
    mirror.faults.extend([Fault(status=status)] * 2)

    get(mirror, tmp_path / "model.part")

    assert (tmp_path / "model.part").read_bytes() == CONTENT
    assert len(mirror.requests) == 3


def test_a_server_that_stays_broken_is_told(mirror: MirrorServer, tmp_path: Path) -> None:
    mirror.faults.extend([Fault(status=503)] * QUICK.attempts)

    with pytest.raises(TransientFailure, match=r"model\.zip.*HTTP 503"):
        get(mirror, tmp_path / "model.part")
    assert len(mirror.requests) == QUICK.attempts


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_missing_file_is_told_at_once(mirror: MirrorServer, tmp_path: Path, status: int) -> None:
    mirror.faults.append(Fault(status=status))

    with pytest.raises(SetupError, match=rf"model\.zip.*HTTP {status}.*--mirror"):
        get(mirror, tmp_path / "model.part")
    assert len(mirror.requests) == 1


def test_a_file_of_another_size_is_refused_before_it_is_read(mirror: MirrorServer, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"expected a file of 5 bytes, found 1000000 bytes"):
        get(mirror, tmp_path / "model.part", size_bytes=5)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        nobody = MirrorServer(url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(TransientFailure, match=r"refused.*--mirror"):
            get(nobody, tmp_path / "model.part")


def test_an_address_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="an address to download from"):
        get(MirrorServer(url="http://"), tmp_path / "model.part")


def test_a_full_disk_is_told_and_what_arrived_stays(mirror: MirrorServer, tmp_path: Path) -> None:
    program = f"""
import resource
from pathlib import Path
from asr_pipeline.domain.errors import StorageFull
from asr_pipeline.storage.download import fetch
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    fetch({mirror.url + "/model.zip"!r}, Path({str(tmp_path / "model.part")!r}), size_bytes=None, progress=print)
except StorageFull as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert "expected room to write" in done.stdout
    assert len(mirror.requests) == 1, "a full disk is no reason to ask again"
    assert (tmp_path / "model.part").stat().st_size <= 500_000
    get(mirror, tmp_path / "model.part")
    assert (tmp_path / "model.part").read_bytes() == CONTENT


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(0, 300_000), max_size=5),
    server=st.tuples(st.booleans(), st.booleans()),
)
def test_whatever_is_cut_the_bytes_are_right_or_it_fails(
    mirror: MirrorServer, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], server: tuple[bool, bool]
) -> None:
    mirror.knows_ranges, mirror.has_etags = server
    mirror.faults.clear()
    mirror.faults.extend(Fault(cut_after_bytes=cut) for cut in cuts)
    part = tmp_path_factory.mktemp("download") / "model.part"

    try:
        get(mirror, part)
    except TransientFailure:
        assert len(cuts) >= QUICK.attempts
        mirror.faults.clear()
        get(mirror, part)

    assert part.read_bytes() == CONTENT
