"""Whether the rows of each stage's results agree with one another: rules that take a range of recordings."""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from asr_pipeline.domain.ledger import Finding, FindingKind
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.tables import (
    audio,
    recordings,
    segments,
    stage_commits,
    subtitles,
    transcripts,
    translation_sets,
    translations,
    utterances,
    words,
)

Rule = Callable[[Connection, int, int], Iterator[Finding]]


def _audio(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    yield from _committed_without(
        connection, low, high, stage=Stage.RAW_AUDIO, table=audio, kind=FindingKind.AUDIO_ROW_MISSING
    )


def _subtitles(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    yield from _committed_without(
        connection, low, high, stage=Stage.SUBTITLES, table=subtitles, kind=FindingKind.SUBTITLE_ROWS_MISSING
    )


def _transcript_heads(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    yield from _committed_without(
        connection, low, high, stage=Stage.TRANSCRIPTS, table=transcripts, kind=FindingKind.TRANSCRIPT_INCOMPLETE
    )


def _translation_sets(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    yield from _committed_without(
        connection,
        low,
        high,
        stage=Stage.TRANSLATIONS,
        table=translation_sets,
        kind=FindingKind.TRANSLATION_INCOMPLETE,
    )


def _committed_without(
    connection: Connection, low: int, high: int, *, stage: Stage, table: sa.Table, kind: FindingKind
) -> Iterator[Finding]:
    """Find recordings of which a stage is committed that has no row in its table."""
    there = sa.exists().where(table.c.recording_number == recordings.c.number)
    query = _committed(stage, recordings.c.recording_id, low=low, high=high).where(~there)
    for (recording_id,) in connection.execute(query):
        yield Finding(kind, recording_id, f"{stage} is committed and has no row in {table.name}", _again(stage))


def _segments(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    """Find segments that are not numbered without gaps, or none where there are words."""
    counted = counted_rows(segments, low, high, "segments", highest=segments.c.segment_index)
    spoken = counted_rows(utterances, low, high, "utterances")
    count = or_zero(counted.c.segments)
    gap = (counted.c.highest + 1) != counted.c.segments
    query = (
        _committed(Stage.SEGMENTS, recordings.c.recording_id, count, low=low, high=high)
        .outerjoin(counted, counted.c.recording_number == recordings.c.number)
        .outerjoin(spoken, spoken.c.recording_number == recordings.c.number)
        .where(gap | (counted.c.segments.is_(None) & (spoken.c.utterances > 0)))
    )
    for recording_id, found in connection.execute(query):
        yield Finding(
            FindingKind.SEGMENTS_INCOMPLETE,
            recording_id,
            f"{found} segments, not numbered from 0 without gaps, or none where there are words",
            _again(Stage.SEGMENTS),
        )


def _transcripts(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    """Find transcripts that count other words than there are, gaps in utterances, and utterances without words."""
    spoken = counted_rows(utterances, low, high, "utterances", highest=utterances.c.utterance_index)
    per_utterance = (
        sa.select(
            words.c.recording_number,
            sa.func.count().label("words"),
            (sa.func.max(words.c.word_index) + 1).label("expected"),
        )
        .where(words.c.recording_number.between(low, high))
        .group_by(words.c.recording_number, words.c.utterance_index)
        .subquery()
    )
    counted = (
        sa.select(
            per_utterance.c.recording_number,
            sa.func.count().label("with_words"),
            sa.func.sum(per_utterance.c.words).label("words"),
            sa.func.sum(per_utterance.c.expected).label("expected"),
        )
        .group_by(per_utterance.c.recording_number)
        .subquery()
    )
    heard, said, with_words = (
        or_zero(column) for column in (spoken.c.utterances, counted.c.words, counted.c.with_words)
    )
    query = (
        ranged(recordings.c.recording_id, transcripts.c.word_count, said, heard, with_words, low=low, high=high)
        .join(transcripts, transcripts.c.recording_number == recordings.c.number)
        .outerjoin(spoken, spoken.c.recording_number == recordings.c.number)
        .outerjoin(counted, counted.c.recording_number == recordings.c.number)
        .where(
            (said != transcripts.c.word_count)
            | (or_zero(counted.c.expected) != said)
            | (heard != with_words)
            | (or_zero(spoken.c.highest + 1) != heard)
        )
    )
    for recording_id, word_count, there, utterance_count, worded in connection.execute(query):
        yield Finding(
            FindingKind.TRANSCRIPT_INCOMPLETE,
            recording_id,
            f"{there:,} words of {word_count:,}, in {worded:,} of {utterance_count:,} utterances",
            _again(Stage.TRANSCRIPTS),
        )


def _translations(connection: Connection, low: int, high: int) -> Iterator[Finding]:
    """Find languages that lack an utterance's translation; where the transcript is newer, they are due anew."""
    spoken = counted_rows(utterances, low, high, "utterances")
    counted = (
        sa.select(
            translations.c.recording_number,
            translations.c.language,
            sa.func.count().label("sentences"),
            sa.func.max(translations.c.utterance_index).label("highest"),
        )
        .where(translations.c.recording_number.between(low, high))
        .group_by(translations.c.recording_number, translations.c.language)
        .subquery()
    )
    heard, sentences = or_zero(spoken.c.utterances), or_zero(counted.c.sentences)
    query = (
        _committed(
            Stage.TRANSLATIONS,
            recordings.c.recording_id,
            translation_sets.c.language,
            sentences,
            heard,
            low=low,
            high=high,
        )
        .join(translation_sets, translation_sets.c.recording_number == recordings.c.number)
        .outerjoin(
            counted,
            (counted.c.recording_number == recordings.c.number) & (counted.c.language == translation_sets.c.language),
        )
        .outerjoin(spoken, spoken.c.recording_number == recordings.c.number)
        .where((sentences != heard) | (or_zero(counted.c.highest + 1) != sentences))
    )
    for recording_id, language, there, expected in connection.execute(query):
        yield Finding(
            FindingKind.TRANSLATION_INCOMPLETE,
            recording_id,
            f"{there:,} translations into {language} of {expected:,} utterances",
            _again(Stage.TRANSLATIONS),
        )


def ranged(*columns: "sa.ColumnElement[Any]", low: int, high: int) -> "sa.Select[*tuple[Any, ...]]":
    """Select of a range of recordings, in the order of their numbers."""
    return (
        sa.select(*columns)
        .select_from(recordings)
        .where(recordings.c.number.between(low, high))
        .order_by(recordings.c.number)
    )


def _committed(stage: Stage, *columns: "sa.ColumnElement[Any]", low: int, high: int) -> "sa.Select[*tuple[Any, ...]]":
    """Select of recordings whose stage is committed."""
    return ranged(*columns, low=low, high=high).join(
        stage_commits,
        (stage_commits.c.recording_number == recordings.c.number)
        & (stage_commits.c.stage == stage.value)
        & ~stage_commits.c.outdated,
    )


def counted_rows(
    table: sa.Table,
    low: int,
    high: int,
    label: str,
    *,
    highest: "sa.Column[int] | None" = None,
    only: "sa.ColumnElement[bool] | None" = None,
) -> sa.Subquery:
    """Count a table's rows by recording, of those that `only` lets pass, with the highest index where one is given."""
    number = table.c.recording_number
    columns = [number, sa.func.count().label(label)]
    if highest is not None:
        columns.append(sa.func.max(highest).label("highest"))
    counted = sa.select(*columns).where(number.between(low, high)).group_by(number)
    return (counted if only is None else counted.where(only)).subquery()


def or_zero(column: "sa.ColumnElement[int]") -> "sa.ColumnElement[int]":
    """Give 0 where there was nothing to count."""
    return sa.func.coalesce(column, 0)


def _again(stage: Stage) -> str:
    return f"Materialize {stage} of it again, or restore the database from a backup."


RESULT_RULES: tuple[Rule, ...] = (
    _audio,
    _segments,
    _transcript_heads,
    _transcripts,
    _translation_sets,
    _translations,
    _subtitles,
)
