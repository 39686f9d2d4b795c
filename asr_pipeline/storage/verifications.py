"""How verifications ended, so that monitoring sees when one fails, or when none has been made for long."""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from asr_pipeline.storage.database import writing
from asr_pipeline.storage.tables import verifications

KEPT = 1000


def note_verification(engine: Engine, *, deep: bool, files: int, findings: int) -> None:
    """Note one that has just ended: how many files ever entered, and how much was found wrong. Old ones go."""
    with writing(engine) as connection:
        number: int = connection.execute(
            sa.insert(verifications)
            .values(ended_at=dt.datetime.now(dt.UTC), deep=deep, files=files, findings=findings)
            .returning(verifications.c.number)
        ).scalar_one()
        connection.execute(sa.delete(verifications).where(verifications.c.number <= number - KEPT))
