"""The audit log on both databases: in order, with any text, and no longer than it is to be kept."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.storage.audit import AuditEntry, SqlAuditLog

pytestmark = pytest.mark.database
NOW = dt.datetime.now(dt.UTC)


def entry(days_ago: float, target: str = "a-1") -> AuditEntry:
    moment = NOW - dt.timedelta(days=days_ago)
    return AuditEntry(moment, "key 1 me", "DELETE /recordings/{id}", target, "127.0.0.1", "r", "204")


def test_entries_come_back_as_they_were(database: sa.Engine) -> None:
    log = SqlAuditLog(database, keep_days=30)
    entries = [entry(2, "\x00\udcff\\"), entry(1, "مصاحبه")]
    for one in entries:
        log.note(one)
    assert log.since(NOW - dt.timedelta(days=3)) == entries
    assert log.since(NOW - dt.timedelta(days=1, hours=1)) == entries[1:]


def test_what_is_too_old_goes(database: sa.Engine) -> None:
    SqlAuditLog(database, keep_days=100).note(entry(31))
    SqlAuditLog(database, keep_days=100).note(entry(29))
    log = SqlAuditLog(database, keep_days=30)
    log.note(entry(0))
    assert log.since(NOW - dt.timedelta(days=90)) == [entry(29), entry(0)]
