"""What was recognised of long recordings so far, in SQL: a run that continues a crashed one takes it from here."""

import json
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.transcript import Utterance, Word
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.standing import insert_into, number_of
from asr_pipeline.storage.tables import recordings, span_results


class SqlSpanStore:
    """`ports.SpanStore` over an engine whose tables are up to date. May be shared by threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, recording_id: str, span_index: int, utterances: Sequence[Utterance], made_with: str) -> None:
        """Commit a span's utterances, in place of what was there. Raises KeyError for an unknown recording."""
        with writing(self._engine) as connection:
            number = number_of(connection, recording_id)
            if number is None:
                raise KeyError(recording_id)
            values = {"made_with": made_with, "utterances": as_json(utterances)}
            insert = insert_into(connection, span_results)
            kept = insert.values(recording_number=number, span_index=span_index, **values)
            connection.execute(
                kept.on_conflict_do_update(index_elements=["recording_number", "span_index"], set_=values)
            )

    def recall(self, recording_id: str, made_with: str) -> Mapping[int, list[Utterance]]:
        """Give what was kept and made with the same, by index of the span."""
        joined = span_results.join(recordings, recordings.c.number == span_results.c.recording_number)
        query = (
            sa.select(span_results.c.span_index, span_results.c.utterances)
            .select_from(joined)
            .where(recordings.c.recording_id == recording_id, span_results.c.made_with == made_with)
        )
        with reading(self._engine) as connection:
            return {index: from_json(text) for index, text in connection.execute(query)}

    def forget(self, recording_id: str) -> None:
        """Remove what was kept of a recording."""
        with writing(self._engine) as connection:
            number = number_of(connection, recording_id)
            if number is not None:
                forget_spans(connection, number)


def forget_spans(connection: Connection, number: int) -> None:
    """Remove what was kept of a recording, in a transaction that is open."""
    connection.execute(sa.delete(span_results).where(span_results.c.recording_number == number))


def as_json(utterances: Sequence[Utterance]) -> str:
    """Write utterances; every number comes back as it was."""
    rows = [
        [one.index, one.channel, [[word.text, word.start_s, word.end_s, word.confidence] for word in one.words]]
        for one in utterances
    ]
    return json.dumps(rows, separators=(",", ":"))


def from_json(text: str) -> list[Utterance]:
    """Read what `as_json` wrote."""
    return [
        Utterance(index, channel, tuple(Word(*word) for word in words)) for index, channel, words in json.loads(text)
    ]
