"""Claims, on a file beside SQLite and in PostgreSQL: among objects, threads and processes."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.recording import Recording
from asr_pipeline.ports import Claims
from asr_pipeline.storage.claims import FileLocks, RecordingClaims, claims_for
from asr_pipeline.storage.database import open_database
from asr_pipeline.storage.layout import Layout
from asr_pipeline_tests.storage.samples import recording

pytestmark = pytest.mark.database

HOLDER = """
import sys
from pathlib import Path
from asr_pipeline.storage.claims import claims_for
from asr_pipeline.storage.database import open_database
from asr_pipeline.storage.layout import Layout
from asr_pipeline_tests.storage.samples import recording
layout = Layout(Path(sys.argv[2]))
claim = claims_for(open_database(sys.argv[1]), layout).claim(recording("call.wav"))
claim.began("transcripts-3")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "data")
    layout.ensure()
    return layout


@pytest.fixture
def claims(database: sa.Engine, layout: Layout) -> Iterator[RecordingClaims]:
    claims = claims_for(database, layout)
    yield claims
    claims.close()


@pytest.fixture
def others(database_url: str, layout: Layout) -> Iterator[RecordingClaims]:
    """Give claims as another process would have them."""
    engine = open_database(database_url)
    claims = claims_for(engine, layout)
    yield claims
    claims.close()
    engine.dispose()


@pytest.fixture
def call() -> Recording:
    return recording("call.wav")


@contextmanager
def another_process(database_url: str, layout: Layout) -> Iterator["subprocess.Popen[str]"]:
    """Give a process that holds the claim and is in the midst of a span."""
    command = [sys.executable, "-c", HOLDER, database_url, str(layout.data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_recording_has_one_claim_at_a_time(claims: RecordingClaims, others: RecordingClaims, call: Recording) -> None:
    as_port: Claims = claims
    claim = as_port.claim(call)
    assert claim is not None
    assert claims.claim(call) is None
    assert others.claim(call) is None
    assert others.claim(recording("another.wav")) is not None
    claim.release()
    again = others.claim(call)
    assert again is not None
    assert claims.claim(call) is None


def test_closing_gives_all_claims_back(claims: RecordingClaims, others: RecordingClaims, call: Recording) -> None:
    assert claims.claim(call)
    assert claims.claim(recording("another.wav"))
    claims.close()
    assert others.claim(call)
    assert others.claim(recording("another.wav"))
    claims.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), max_size=15))
def test_whoever_asks_in_whatever_order_nobody_shares(
    claims: RecordingClaims, others: RecordingClaims, steps: list[tuple[bool, int]]
) -> None:
    held: dict[int, bool] = {}
    open_claims = {}
    for ours, number in steps:
        claim = (claims if ours else others).claim(recording(f"{number}.wav"))
        assert (claim is None) == (number in held)
        if claim is not None:
            held[number], open_claims[number] = ours, claim
        elif held[number] == ours:
            open_claims.pop(number).release()
            del held[number]
    for claim in open_claims.values():
        claim.release()


@pytest.mark.fault
def test_a_killed_processs_claim_is_free_and_what_it_did_is_suspect(
    claims: RecordingClaims, database_url: str, layout: Layout, call: Recording
) -> None:
    with another_process(database_url, layout) as process:
        assert claims.claim(call) is None
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        claim = claims.claim(call)
        deadline_s = time.monotonic() + 60  # PostgreSQL's server takes a moment to see that a client is gone
        while claim is None and time.monotonic() < deadline_s:
            time.sleep(0.01)
            claim = claims.claim(call)
    assert claim is not None
    assert claim.is_suspect("transcripts-3")
    assert not claim.is_suspect("transcripts-4")
    claim.release()
    fresh = claims.claim(call)
    assert fresh is not None
    assert not fresh.is_suspect("transcripts-3")
    assert list(layout.in_flight.iterdir()) == []


@pytest.mark.fault
def test_claims_outlive_the_databases_connections(
    claims: RecordingClaims, others: RecordingClaims, call: Recording, database: sa.Engine
) -> None:
    if database.dialect.name != "postgresql":
        pytest.skip("file locks have no connection")
    claim = claims.claim(call)
    assert claim is not None
    with database.connect() as connection:  # a restart of the server, as the sessions see it
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    another = recording("another.wav")
    second = None
    while second is None:
        try:
            second = claims.claim(another)
        except Exception as error:  # noqa: BLE001 - the first call after the loss
            assert "expected a database that answers" in str(error)  # noqa: PT017
    assert others.claim(call) is None  # taken anew with the new session
    claim.release()
    second.release()


def test_a_disk_without_locks_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    locks = FileLocks(layout)
    monkeypatch.setattr("fcntl.fcntl", no_locks)
    with pytest.raises(SettingInvalid, match="No locks available"):
        locks.acquire(1)
    locks.close()
