"""Totals over all processes, on SQLite and PostgreSQL: added up, kept through a fault, and read again."""

import threading

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.domain.tally import HIT, MISS, Tally
from asr_pipeline.storage import verifications as verifications_module
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.database import open_database
from asr_pipeline.storage.tables import tallies, verifications
from asr_pipeline.storage.tallies import SqlTallies
from asr_pipeline.storage.totals import totals
from asr_pipeline.storage.verifications import note_verification

pytestmark = pytest.mark.database


def test_where_nothing_is_nothing_was_verified(database: sa.Engine) -> None:
    found = totals(database)
    assert found.tallies == {}
    assert found.arrivals == dict.fromkeys(Outcome, 0)
    assert (found.webhooks_waiting, found.last_commit_at, found.last_verification) == (0, None, None)


def test_processes_add_to_the_same_totals(database: sa.Engine) -> None:
    for share in (1.5, 2.5):
        one = SqlTallies(database)
        one.add(Tally.STAGE_ENGINE_S, share, stage="segments")
        one.add(Tally.STAGE_ENGINE_S, share, stage="transcripts")
        one.add(Tally.MEMORY_LOOKUPS, 3, kind=HIT)
        one.add(Tally.MEMORY_LOOKUPS, 0, kind=MISS)
        one.put(Tally.RUN_PEAK_BYTES, 100 * share)
        one.keep()
        one.keep()  # nothing is added twice
    assert totals(database).tallies == {
        (Tally.STAGE_ENGINE_S, "segments", ""): 4.0,
        (Tally.STAGE_ENGINE_S, "transcripts", ""): 4.0,
        (Tally.MEMORY_LOOKUPS, "", HIT): 6.0,
        (Tally.RUN_PEAK_BYTES, "", ""): 250.0,
    }


def test_it_is_written_every_few_seconds_by_itself(database: sa.Engine) -> None:
    SqlTallies(database, keep_every_s=3600).add(Tally.WORDS)
    assert totals(database).tallies == {}
    SqlTallies(database, keep_every_s=0).add(Tally.WORDS)
    assert totals(database).tallies == {(Tally.WORDS, "", ""): 1.0}


def test_threads_and_processes_at_once_lose_nothing(database: sa.Engine) -> None:
    shared = SqlTallies(database, keep_every_s=0.001)

    def work(own: SqlTallies) -> None:
        for _ in range(20):
            shared.add(Tally.WORDS)
            own.add(Tally.WORDS)
            own.add(Tally.FAILURES, stage="segments", kind="EngineFailed")
            own.keep()

    threads = [threading.Thread(target=work, args=[SqlTallies(database)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.keep()
    assert totals(database).tallies == {
        (Tally.WORDS, "", ""): 160.0,
        (Tally.FAILURES, "segments", "EngineFailed"): 80.0,
    }


@pytest.mark.fault
def test_what_can_not_be_written_is_written_later(database: sa.Engine) -> None:
    one = SqlTallies(database)
    away = open_database("postgresql://nobody@127.0.0.1:1/nothing")
    one._engine = away
    one.add(Tally.WORDS, 2)
    one.put(Tally.RUN_PEAK_BYTES, 1)
    one.keep()
    one.put(Tally.RUN_PEAK_BYTES, 3)
    one.add(Tally.WORDS, 1)
    one._engine = database
    one.keep()
    away.dispose()
    assert totals(database).tallies == {(Tally.WORDS, "", ""): 3.0, (Tally.RUN_PEAK_BYTES, "", ""): 3.0}


def test_what_another_version_counts_is_passed_over(database: sa.Engine) -> None:
    SqlTallies(database, keep_every_s=0).add(Tally.WORDS)
    with database.begin() as connection:
        connection.execute(sa.update(tallies).values(name="of_tomorrow"))
    assert totals(database).tallies == {}


def test_the_last_verification_is_told_and_old_ones_go(database: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifications_module, "KEPT", 2)
    for findings in (2, 0, 1):
        note_verification(database, deep=True, files=4, findings=findings)
    last = totals(database).last_verification
    assert last is not None
    assert last.findings == 1
    with database.connect() as connection:
        kept = connection.execute(sa.select(verifications.c.findings).order_by(verifications.c.number))
        assert kept.scalars().all() == [0, 1]


def test_arrivals_are_counted_by_what_became_of_them(database: sa.Engine) -> None:
    SqlArrivals(database).note(
        Arrival(f"/{name}", 1, 2, Way.INBOX, Outcome.REFUSED, reason="no audio") for name in ("a", "b")
    )
    assert totals(database).arrivals[Outcome.REFUSED] == 2
