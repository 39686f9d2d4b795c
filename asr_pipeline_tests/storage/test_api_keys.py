"""API keys on both databases: hashed, expiring, revoked for good."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.access import Scope, key_hash
from asr_pipeline.storage.api_keys import SqlApiKeys
from asr_pipeline.storage.database import reading
from asr_pipeline.storage.tables import api_keys

pytestmark = pytest.mark.database
NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def test_a_key_is_kept_as_its_hash_alone(database: sa.Engine) -> None:
    made = SqlApiKeys(database).create("the newsroom", Scope.WRITE)
    with reading(database) as connection:
        kept = str(connection.execute(sa.select(api_keys)).one())
    secret = made.key.split("_")[2]
    assert secret not in kept
    assert key_hash(made.key) in kept
    (key,) = SqlApiKeys(database).all()
    assert (key.key_id, key.name, key.scope) == (made.key_id, "the newsroom", Scope.WRITE)


def test_a_key_expires_and_a_revoked_one_stays_revoked(database: sa.Engine) -> None:
    keys = SqlApiKeys(database)
    ids = [keys.create("a", Scope.READ, NOW + DAY).key_id, keys.create("b", Scope.READ).key_id]
    assert [key.is_valid(NOW) for key in keys.all()] == [True, True]
    assert [key.is_valid(NOW + DAY) for key in keys.all() if key.key_id == ids[0]] == [False]
    assert keys.revoke(ids[1])
    assert not keys.revoke(ids[1])
    assert not keys.revoke("none")
    assert {key.key_id: key.is_valid(NOW) for key in keys.all()} == {ids[0]: True, ids[1]: False}


def test_the_last_use_is_kept(database: sa.Engine) -> None:
    keys = SqlApiKeys(database)
    keys.note_use(keys.create("a", Scope.READ).key_id, NOW)
    assert [key.last_used_at for key in keys.all()] == [NOW]
