"""What was found for a recording is removed for good, because a person asks for it; that it was there stays noted.

Its row, its arrivals and which runs committed its stages stay, so that every file that ever came is still counted; no
text, no sound. Dagster's events of it can't be removed one by one.
"""

import datetime as dt
import shutil

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.transcript import as_sentence
from asr_pipeline.storage import tables
from asr_pipeline.storage.corrections import get_corrections
from asr_pipeline.storage.database import writing
from asr_pipeline.storage.layout import Layout
from asr_pipeline.storage.results import get_transcript
from asr_pipeline.storage.standing import CLEARED, in_chunks, number_of

_RESULTS = (  # those that others refer to come last
    tables.words,
    tables.utterances,
    tables.transcripts,
    tables.translations,
    tables.translation_sets,
    tables.subtitles,
    tables.segments,
    tables.span_results,
    tables.audio,
    tables.reference_texts,
    tables.search_texts,
    tables.corrections,
)


def erase_rows(engine: Engine, recording_id: str) -> None:
    """Drop a recording, with all rows of its results, in one transaction. Raises KeyError where there is none."""
    with writing(engine) as connection:
        number = number_of(connection, recording_id, lock=True)
        if number is None:
            raise KeyError(recording_id)
        _forget_sentences(connection, number, recording_id)
        for table in _RESULTS:
            connection.execute(sa.delete(table).where(table.c.recording_number == number))
        of_it = tables.stage_commits.c.recording_number == number
        connection.execute(sa.update(tables.stage_commits).where(of_it).values(outdated=True))
        dropped = {"state": RecordingState.DROPPED.value, "original_removed_at": dt.datetime.now(dt.UTC), **CLEARED}
        connection.execute(sa.update(tables.recordings).where(tables.recordings.c.number == number).values(dropped))


def erase_files(layout: Layout, recording: Recording) -> None:
    """Remove a recording's files; an original outside the data folder is its owner's, and stays."""
    original = layout.source_of(recording)
    if original.is_relative_to(layout.originals):
        original.unlink(missing_ok=True)
    layout.audio_of(recording.recording_id).unlink(missing_ok=True)
    results = layout.results_of(recording.recording_id)
    if results.exists():
        shutil.rmtree(results)


def _forget_sentences(connection: Connection, number: int, recording_id: str) -> None:
    """Remove the recording's sentences from the translation memory; where others have them, they are learnt anew."""
    transcript = get_transcript(connection, number, recording_id)
    heard = [utterance.text for utterance in transcript.utterances] if transcript else []
    written = [text for one in get_corrections(connection, number) for text in (one.old_text, one.new_text)]
    sentences = sorted({as_sentence(text) for text in (*heard, *written)})
    memory = tables.translation_memory
    for part in in_chunks(sentences):
        connection.execute(sa.delete(memory).where(memory.c.sentence.in_(part)))
