"""Answers that were given to requests with a key of the caller's own: the same request again gets the same answer."""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import insert_into
from asr_pipeline.storage.tables import idempotency_keys

KEPT = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a body, known by its SHA-256."""

    body_sha256: str
    status: int
    answer: str


class SqlIdempotency:
    """Answers by caller and key, over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recall(self, caller: str, key: str) -> Answer | None:
        """Give what was answered to this key within the last day."""
        table = idempotency_keys.c
        query = sa.select(table.body_sha256, table.status, table.answer)
        query = query.where(table.key_sha256 == _hash(caller, key), table.answered_at > dt.datetime.now(dt.UTC) - KEPT)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else Answer(*row)

    def keep(self, caller: str, key: str, given: Answer) -> Answer:
        """Keep an answer, and give the one that stands: of two requests at once the first's. Old ones go."""
        now = dt.datetime.now(dt.UTC)
        values = {"body_sha256": given.body_sha256, "status": given.status, "answer": given.answer, "answered_at": now}
        with writing(self._engine) as connection:
            connection.execute(sa.delete(idempotency_keys).where(idempotency_keys.c.answered_at <= now - KEPT))
            insert = insert_into(connection, idempotency_keys)
            connection.execute(insert.values(key_sha256=_hash(caller, key), **values).on_conflict_do_nothing())
        return self.recall(caller, key) or given


def _hash(caller: str, key: str) -> str:
    return hashlib.sha256(json.dumps([caller, key]).encode()).hexdigest()
