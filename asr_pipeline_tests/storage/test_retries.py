"""Which failed recordings are due, on SQLite and PostgreSQL."""

import datetime as dt

import pytest
import sqlalchemy as sa

from asr_pipeline.domain.errors import EngineFailed, UnreadableAudio
from asr_pipeline.domain.retry import FIRST_WAIT
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.records import SqlRecordStore
from asr_pipeline.storage.retries import due_for_retry
from asr_pipeline_tests.storage.samples import RUN, recording, results, save

pytestmark = pytest.mark.database


def test_what_failed_transiently_is_due_after_its_wait(database: sa.Engine) -> None:
    store = SqlRecordStore(database)
    once, twice, broken, mended = (recording(f"{name}.wav") for name in ("once", "twice", "broken", "mended"))
    store.register([twice, once, broken, mended])
    away = EngineFailed("engine", expected="a result", found="none", remedy="Wait.")
    corrupt = UnreadableAudio("broken.wav", expected="audio", found="noise", remedy="Copy it again.")
    for one in (twice, once, twice, mended):
        store.save_failure(one.recording_id, Stage.RAW_AUDIO, away, RUN)
    store.save_failure(broken.recording_id, Stage.RAW_AUDIO, corrupt, RUN)
    save(store, Stage.RAW_AUDIO, mended.recording_id, results(mended.recording_id))

    now = dt.datetime.now(dt.UTC)
    assert due_for_retry(database, now) == []
    assert due_for_retry(database, now + FIRST_WAIT) == [once.recording_id]
    assert due_for_retry(database, now + 2 * FIRST_WAIT) == [once.recording_id, twice.recording_id]
