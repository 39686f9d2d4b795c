"""Reference texts in SQL: what was really said, and how far transcripts are from it."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.errors import LimitExceeded, PermanentFailure
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.word_errors import WordErrors, spoken_words, word_error_rate
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import insert_into, number_of
from asr_pipeline.storage.tables import recordings, reference_texts, stage_commits, transcripts, utterances

MOST_WORDS = 100_000  # eleven hours of speech: comparing them takes ten seconds
_ALL = sa.true()


@dataclass(frozen=True, slots=True)
class Reference:
    """A recording whose words a person has written down.

    `recognised_at` is when its transcript was committed, `errors` what is wrong with that; None where there is none.
    """

    recording_id: str
    name: str
    words: int
    noted_at: dt.datetime
    recognised_at: dt.datetime | None
    errors: WordErrors | None


class SqlReferences:
    """Reference texts, over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, recording_id: str, text: str) -> None:
        """Note what was said in a recording, in place of what was noted before.

        Raises KeyError where there is no such recording, PermanentFailure where the text has no words or too many.
        """
        words = len(spoken_words(text))
        _check(recording_id, words)
        values = {"text": text, "words": words, "noted_at": dt.datetime.now(dt.UTC)}
        with writing(self._engine) as connection:
            number = number_of(connection, recording_id, lock=True)
            if number is None:
                raise KeyError(recording_id)
            insert = insert_into(connection, reference_texts).values(recording_number=number, **values)
            connection.execute(insert.on_conflict_do_update(index_elements=["recording_number"], set_=values))

    def remove(self, recording_id: str) -> bool:
        """Forget what was noted of a recording; False where nothing was."""
        of_it = sa.select(recordings.c.number).where(recordings.c.recording_id == recording_id).scalar_subquery()
        forget = sa.delete(reference_texts).where(reference_texts.c.recording_number == of_it)
        with writing(self._engine) as connection:
            return bool(connection.execute(forget).rowcount)

    def measured(self) -> list[Reference]:
        """Give every reference, in the order of registration, held against its transcript."""
        with reading(self._engine) as connection:
            return list(measured_references(connection))

    def measured_one(self, recording_id: str) -> Reference | None:
        """Give a recording's reference, held against its transcript; None where there is none."""
        with reading(self._engine) as connection:
            return next(measured_references(connection, recordings.c.recording_id == recording_id), None)


def measured_references(connection: Connection, condition: "sa.ColumnElement[bool]" = _ALL) -> Iterator[Reference]:
    """Give references held against their transcripts: all, or those whose recording or commit meets a condition.

    Two texts are in memory at a time.
    """
    commit = stage_commits.c
    has_transcript = sa.exists().where(transcripts.c.recording_number == recordings.c.number)
    of_transcript = (commit.recording_number == recordings.c.number) & (commit.stage == Stage.TRANSCRIPTS.value)
    query = (
        sa.select(
            recordings.c.number,
            recordings.c.recording_id,
            recordings.c.name,
            reference_texts.c.words,
            reference_texts.c.noted_at,
            commit.committed_at,
        )
        .join_from(reference_texts, recordings, recordings.c.number == reference_texts.c.recording_number)
        .outerjoin(stage_commits, of_transcript & has_transcript)
        .where(condition)
        .order_by(recordings.c.number)
    )
    for row in connection.execute(query).all():
        errors = None if row.committed_at is None else _errors(connection, row.number)
        yield Reference(row.recording_id, row.name, row.words, row.noted_at, row.committed_at, errors)


def _errors(connection: Connection, number: int) -> WordErrors:
    reference = sa.select(reference_texts.c.text).where(reference_texts.c.recording_number == number)
    recognised = (
        sa.select(utterances.c.text)
        .where(utterances.c.recording_number == number)
        .order_by(utterances.c.utterance_index)
    )
    return word_error_rate(
        connection.execute(reference).scalar_one(), " ".join(connection.execute(recognised).scalars())
    )


def _check(recording_id: str, words: int) -> None:
    if not words:
        raise PermanentFailure(
            f"the reference text of {recording_id}",
            expected="the words that are spoken",
            found="none",
            remedy="Give the text that a person wrote down; of a recording without speech there is nothing to measure.",
        )
    if words > MOST_WORDS:
        raise LimitExceeded(
            f"the reference text of {recording_id}",
            expected=f"at most {MOST_WORDS:,} words",
            found=f"{words:,}",
            remedy="Measure on a part of the recording, cut out as a file of its own.",
        )
