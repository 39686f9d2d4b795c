"""API keys in SQL: hashed, never shown again. A key that was revoked or has expired keeps its row."""

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.domain.access import NewKey, Scope, key_hash, new_key
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.tables import api_keys


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. `last_used_at` is coarse: it may be an hour old."""

    key_id: str
    key_sha256: str
    name: str
    scope: Scope
    created_at: dt.datetime
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None

    def is_valid(self, now: dt.datetime) -> bool:
        """Tell whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class SqlApiKeys:
    """Keys over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, scope: Scope, expires_at: dt.datetime | None = None) -> NewKey:
        """Make a key; what this gives is the only copy of it."""
        made = new_key()
        row = {
            "key_id": made.key_id,
            "key_sha256": key_hash(made.key),
            "name": name,
            "scope": scope.value,
            "created_at": dt.datetime.now(dt.UTC),
            "expires_at": expires_at,
        }
        with writing(self._engine) as connection:
            connection.execute(sa.insert(api_keys), row)
        return made

    def all(self) -> list[ApiKey]:
        """Give every key that was ever made, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.key_id))
            return [ApiKey(**{**row._mapping, "scope": Scope(row.scope)}) for row in rows]  # noqa: SLF001 - public, by its docs

    def revoke(self, key_id: str) -> bool:
        """Revoke a key for good; False where there is none of this id that is not revoked."""
        still_open = (api_keys.c.key_id == key_id) & api_keys.c.revoked_at.is_(None)
        with writing(self._engine) as connection:
            revoked = connection.execute(
                sa.update(api_keys).where(still_open).values(revoked_at=dt.datetime.now(dt.UTC))
            )
        return bool(revoked.rowcount)

    def note_use(self, key_id: str, moment: dt.datetime) -> None:
        """Note when a key was used."""
        with writing(self._engine) as connection:
            connection.execute(sa.update(api_keys).where(api_keys.c.key_id == key_id).values(last_used_at=moment))
