"""Answers by the callers' own keys, on both databases."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.idempotency import KEPT, Answer, SqlIdempotency
from asr_pipeline.storage.tables import idempotency_keys

pytestmark = pytest.mark.database
FIRST, SECOND = Answer("a" * 64, 202, '{"file_id": "a"}'), Answer("b" * 64, 200, '{"file_id": "b"}')


def test_a_key_gives_what_was_answered_first(database: sa.Engine) -> None:
    answers = SqlIdempotency(database)
    assert answers.recall("me", "key") is None
    assert answers.keep("me", "key", FIRST) == FIRST
    assert answers.keep("me", "key", SECOND) == FIRST
    assert answers.recall("me", "key") == FIRST


def test_callers_and_keys_are_kept_apart(database: sa.Engine) -> None:
    answers = SqlIdempotency(database)
    answers.keep("a", "bc", FIRST)
    assert answers.recall("ab", "c") is None
    assert answers.keep("b", "bc", SECOND) == SECOND


def test_after_a_day_a_key_is_free_and_its_row_gone(database: sa.Engine) -> None:
    answers = SqlIdempotency(database)
    answers.keep("me", "old", FIRST)
    with writing(database) as connection:
        yesterday = dt.datetime.now(dt.UTC) - KEPT - dt.timedelta(seconds=1)
        connection.execute(sa.update(idempotency_keys).values(answered_at=yesterday))
    assert answers.recall("me", "old") is None
    assert answers.keep("me", "old", SECOND) == SECOND
    answers.keep("me", "new", FIRST)
    with reading(database) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(idempotency_keys)).scalar() == 2
