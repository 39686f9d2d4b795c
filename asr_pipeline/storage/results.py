"""What the stages found, as rows: each `put_` replaces a recording's rows, each `get_` makes values of them again."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.subtitle import SubtitleFile, SubtitleFormat
from asr_pipeline.domain.transcript import Transcript, Utterance, Word
from asr_pipeline.domain.translation import Translation, TranslationSet
from asr_pipeline.storage import tables

AUDIO_COLUMNS = tuple(column for column in tables.audio.c if column.name != "recording_number")


def put_audio(connection: Connection, number: int, info: AudioInfo) -> None:
    """Replace what decoding found."""
    row = {column.name: getattr(info, column.name) for column in AUDIO_COLUMNS}
    _replace(connection, tables.audio, number, [{"recording_number": number, **row}])


def get_audio(connection: Connection, number: int) -> AudioInfo | None:
    """Give what decoding found."""
    row = connection.execute(sa.select(*AUDIO_COLUMNS).where(tables.audio.c.recording_number == number)).first()
    return None if row is None else AudioInfo(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


def put_segments(connection: Connection, number: int, segments: Sequence[Segment]) -> None:
    """Replace the segments."""
    rows = [
        {
            "recording_number": number,
            "segment_index": segment.index,
            "channel": segment.channel,
            "start_s": segment.start_s,
            "end_s": segment.end_s,
        }
        for segment in segments
    ]
    _replace(connection, tables.segments, number, rows)


def get_segments(connection: Connection, number: int) -> list[Segment]:
    """Give the segments in order."""
    table = tables.segments.c
    query = (
        sa.select(table.segment_index, table.channel, table.start_s, table.end_s)
        .where(table.recording_number == number)
        .order_by(table.segment_index)
    )
    return [Segment(*row) for row in connection.execute(query)]


def put_transcript(connection: Connection, number: int, transcript: Transcript) -> None:
    """Replace the transcript, its utterances and words."""
    for table in (tables.words, tables.utterances):
        connection.execute(sa.delete(table).where(table.c.recording_number == number))
    head = {
        "recording_number": number,
        "engine": transcript.engine,
        "model": transcript.model,
        "model_version": transcript.model_version,
        "chunk_bytes": transcript.chunk_bytes,
        "word_count": transcript.word_count,
        "mean_confidence": transcript.mean_confidence,
    }
    _replace(connection, tables.transcripts, number, [head])
    utterances = [
        {
            "recording_number": number,
            "utterance_index": utterance.index,
            "channel": utterance.channel,
            "start_s": utterance.start_s,
            "end_s": utterance.end_s,
            "confidence": utterance.confidence,
            "text": utterance.text,
        }
        for utterance in transcript.utterances
    ]
    words = [
        {
            "recording_number": number,
            "utterance_index": utterance.index,
            "word_index": index,
            "text": word.text,
            "start_s": word.start_s,
            "end_s": word.end_s,
            "confidence": word.confidence,
        }
        for utterance in transcript.utterances
        for index, word in enumerate(utterance.words)
    ]
    _insert(connection, tables.utterances, utterances)
    _insert(connection, tables.words, words)


def get_transcript(connection: Connection, number: int, recording_id: str) -> Transcript | None:
    """Give the transcript with its utterances and words."""
    head = connection.execute(
        sa.select(tables.transcripts).where(tables.transcripts.c.recording_number == number)
    ).first()
    if head is None:
        return None
    utterance, word = tables.utterances.c, tables.words.c
    channels = connection.execute(
        sa.select(utterance.utterance_index, utterance.channel)
        .where(utterance.recording_number == number)
        .order_by(utterance.utterance_index)
    )
    words = connection.execute(
        sa.select(word.utterance_index, word.text, word.start_s, word.end_s, word.confidence)
        .where(word.recording_number == number)
        .order_by(word.utterance_index, word.word_index)
    )
    words_of = {index: tuple(Word(*row[1:]) for row in rows) for index, rows in groupby(words, key=lambda row: row[0])}
    return Transcript(
        recording_id=recording_id,
        engine=head.engine,
        model=head.model,
        model_version=head.model_version,
        chunk_bytes=head.chunk_bytes,
        utterances=tuple(Utterance(index, channel, words_of[index]) for index, channel in channels),
    )


def put_translations(connection: Connection, number: int, sets: Sequence[TranslationSet]) -> None:
    """Replace the translations into all languages."""
    heads = [
        {
            "recording_number": number,
            "language": one.language,
            "engine": one.engine,
            "model": one.model,
            "model_version": one.model_version,
            "glossary": one.glossary,
        }
        for one in sets
    ]
    sentences = [
        {
            "recording_number": number,
            "language": one.language,
            "utterance_index": translation.utterance_index,
            "text": translation.text,
        }
        for one in sets
        for translation in one.translations
    ]
    connection.execute(sa.delete(tables.translations).where(tables.translations.c.recording_number == number))
    _replace(connection, tables.translation_sets, number, heads)
    _insert(connection, tables.translations, sentences)


def get_translations(connection: Connection, number: int, recording_id: str) -> list[TranslationSet]:
    """Give the translations, a set a language, in the order of the languages' codes."""
    head, sentence = tables.translation_sets.c, tables.translations.c
    sentences = connection.execute(
        sa.select(sentence.utterance_index, sentence.language, sentence.text)
        .where(sentence.recording_number == number)
        .order_by(sentence.language, sentence.utterance_index)
    )
    heads = connection.execute(
        sa.select(head.language, head.engine, head.model, head.model_version, head.glossary).where(
            head.recording_number == number
        )
    )
    translations: dict[str, list[Translation]] = {}
    for row in sentences:
        translations.setdefault(row.language, []).append(Translation(*row))
    return [
        TranslationSet(
            recording_id,
            row.language,
            row.engine,
            row.model,
            row.model_version,
            tuple(translations.get(row.language, ())),
            row.glossary,
        )
        for row in sorted(heads)
    ]


def put_subtitles(connection: Connection, number: int, files: Sequence[SubtitleFile]) -> None:
    """Replace which subtitle files were written."""
    rows = [
        {
            "recording_number": number,
            "language": file.language,
            "format": file.format.value,
            "path": file.path,
            "cue_count": file.cue_count,
        }
        for file in files
    ]
    _replace(connection, tables.subtitles, number, rows)


def get_subtitles(connection: Connection, number: int) -> list[SubtitleFile]:
    """Give the subtitle files, in the order of language and format."""
    table = tables.subtitles.c
    rows = connection.execute(
        sa.select(table.language, table.format, table.path, table.cue_count).where(table.recording_number == number)
    )
    return [SubtitleFile(row.language, SubtitleFormat(row.format), row.path, row.cue_count) for row in sorted(rows)]


def _replace(connection: Connection, table: sa.Table, number: int, rows: Sequence[Mapping[str, object]]) -> None:
    connection.execute(sa.delete(table).where(table.c.recording_number == number))
    _insert(connection, table, rows)


def _insert(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows in bulk; the drivers cut them so that no limit on variables is met."""
    if rows:
        connection.execute(sa.insert(table), rows)
