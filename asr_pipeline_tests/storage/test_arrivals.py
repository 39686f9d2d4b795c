"""The ledger of arrivals, on SQLite and PostgreSQL."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.arrival import Arrival, Outcome, Way
from asr_pipeline.storage.arrivals import SqlArrivals
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline_tests.storage.samples import outcomes, recording

pytestmark = pytest.mark.database
LONG_PATH = "/inbox/" + "/".join(["ü" * 100] * 20) + "/caf\udce9 سلام\n'.wav"
REFUSED = Arrival(LONG_PATH, 5, 1_700_000_000_123_456_789, Way.INBOX, Outcome.REFUSED, reason="no audio")


def accepted(path: str, recording_id: str) -> Arrival:
    return Arrival(path, 5, 7, Way.IMPORT, Outcome.ACCEPTED, recording_id)


def test_the_same_file_unchanged_is_one_arrival(database: sa.Engine) -> None:
    ledger = SqlArrivals(database)
    ledger.note([REFUSED])
    ledger.note([REFUSED, replace(REFUSED, mtime_ns=1)])
    assert outcomes(ledger) == {Outcome.ACCEPTED: 0, Outcome.REFUSED: 2, Outcome.DROPPED: 0}
    look = (REFUSED.path, REFUSED.size_bytes, REFUSED.mtime_ns)
    assert ledger.known([look, (REFUSED.path, 6, 1)]) == {look: REFUSED}


def test_what_became_of_it_last_stands(database: sa.Engine) -> None:
    ledger = SqlArrivals(database)
    ledger.note([REFUSED])
    dropped = replace(REFUSED, outcome=Outcome.DROPPED, reason="no audio; dropped")
    ledger.note([dropped])
    assert ledger.with_outcome(Outcome.REFUSED) == []
    assert ledger.with_outcome(Outcome.DROPPED) == [dropped]


def test_a_recording_has_all_the_names_it_came_under(database: sa.Engine) -> None:
    store, ledger = SqlRecordStore(database), SqlArrivals(database)
    one = recording("one.wav")
    store.register([one], [accepted("/a/one.wav", one.recording_id)])
    store.register([one], [accepted("/b/two.wav", one.recording_id)])
    assert [arrival.path for arrival in ledger.of_recording(one.recording_id)] == ["/a/one.wav", "/b/two.wav"]


def test_an_arrival_names_the_recording_that_its_bytes_are(database: sa.Engine) -> None:
    store, ledger = SqlRecordStore(database), SqlArrivals(database)
    first = recording("first.wav", b"bytes")
    late = recording("late.wav", b"bytes")  # another process registered the same bytes meanwhile, by another name
    store.register([first])
    store.register([late], [accepted("/late.wav", late.recording_id)])
    (arrival,) = ledger.of_recording(first.recording_id)
    assert arrival.path == "/late.wav"


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.DROPPED])
def test_what_was_accepted_once_stays_so(database: sa.Engine, outcome: Outcome) -> None:
    store, ledger = SqlRecordStore(database), SqlArrivals(database)
    one = recording("one.wav")
    before = accepted("/a/one.wav", one.recording_id)
    store.register([one], [before])
    ledger.note([replace(before, outcome=outcome, recording_id=None, reason="too large today")])
    assert ledger.of_recording(one.recording_id) == [before]
    assert outcomes(ledger)[outcome] == 0


@pytest.mark.parametrize("way", Way)
def test_what_was_given_up_comes_back_when_it_is_offered_but_not_by_a_repeated_import(
    database: sa.Engine, way: Way
) -> None:
    ledger = SqlArrivals(database)
    refused = replace(REFUSED, way=way)
    ledger.note([refused])
    ledger.note([replace(refused, outcome=Outcome.DROPPED)])
    ledger.note([refused])
    assert outcomes(ledger)[Outcome.DROPPED if way is Way.IMPORT else Outcome.REFUSED] == 1


@pytest.mark.parametrize("way", Way)
def test_a_file_that_is_mended_where_it_lies_is_accepted(database: sa.Engine, way: Way) -> None:
    store, ledger = SqlRecordStore(database), SqlArrivals(database)
    one, other = recording("one.wav"), replace(REFUSED, path="/other.wav", way=way)
    ledger.note([replace(REFUSED, way=way), replace(REFUSED, way=way, mtime_ns=2), other])
    store.register([one], [replace(accepted(LONG_PATH, one.recording_id), way=way)])
    stays = way in {Way.PROCESS, Way.IMPORT}  # what the inbox refused lies in quarantine yet
    assert len(ledger.of_recording(one.recording_id)) == (3 if stays else 1)
    assert other in ledger.with_outcome(Outcome.REFUSED)
    assert len(ledger.with_outcome(Outcome.REFUSED)) == (1 if stays else 3)
