"""The audit log: who changed what, when and from where. Rows are added, and removed by age alone."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.tables import audit_log

CLEANED_EVERY = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change, or one that was refused to somebody known. `result` is an HTTP status, or `done`."""

    happened_at: dt.datetime
    principal: str
    action: str
    target: str
    address: str | None
    request_id: str | None
    result: str


class SqlAuditLog:
    """The log over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine, keep_days: float) -> None:
        self._engine = engine
        self._kept = dt.timedelta(days=keep_days)
        self._cleaned_at = dt.datetime.min.replace(tzinfo=dt.UTC)

    def note(self, entry: AuditEntry) -> None:
        """Add an entry; what is older than it is to be kept goes."""
        row = {name: getattr(entry, name) for name in AuditEntry.__slots__}
        is_due = entry.happened_at - self._cleaned_at > CLEANED_EVERY
        with writing(self._engine) as connection:
            connection.execute(sa.insert(audit_log), row)
            if is_due:
                too_old = audit_log.c.happened_at < entry.happened_at - self._kept
                connection.execute(sa.delete(audit_log).where(too_old))
        if is_due:
            self._cleaned_at = entry.happened_at

    def since(self, moment: dt.datetime) -> list[AuditEntry]:
        """Give the entries from a moment on, in their order."""
        columns = [audit_log.c[name] for name in AuditEntry.__slots__]
        query = sa.select(*columns).where(audit_log.c.happened_at >= moment).order_by(audit_log.c.number)
        with reading(self._engine) as connection:
            return [AuditEntry(*row) for row in connection.execute(query)]
