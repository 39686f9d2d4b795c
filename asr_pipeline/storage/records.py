"""The record of what was recognised and translated, in SQL. One transaction a save."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from asr_pipeline.domain.arrival import Arrival, Way
from asr_pipeline.domain.audio import AudioInfo
from asr_pipeline.domain.corrections import Correction, corrected_sets, corrected_transcript, texts_in
from asr_pipeline.domain.errors import PermanentFailure, PipelineError
from asr_pipeline.domain.recording import Recording, RecordingState
from asr_pipeline.domain.segment import Segment
from asr_pipeline.domain.stage import Stage
from asr_pipeline.domain.subtitle import SubtitleFile
from asr_pipeline.domain.transcript import Transcript
from asr_pipeline.domain.translation import SOURCE_LANGUAGE, TranslationSet
from asr_pipeline.ports import RecordingRow, RunContext, StageCommit
from asr_pipeline.storage import results
from asr_pipeline.storage.arrivals import latest, put_arrivals
from asr_pipeline.storage.backlog import Unprocessed, count_unprocessed, left_to_sensors, unprocessed
from asr_pipeline.storage.corrections import anchor_corrections, get_applied
from asr_pipeline.storage.database import reading, writing
from asr_pipeline.storage.search import forget_search_texts, put_search_texts
from asr_pipeline.storage.spans import forget_spans
from asr_pipeline.storage.standing import (
    in_chunks,
    insert_into,
    note_commit,
    note_dropped,
    note_failure,
    number_of,
    revive,
)
from asr_pipeline.storage.tables import audio, recordings, stage_commits, transcripts

REGISTER_LOCK = 0x6173725F72656773  # "asr_regs": registrations on PostgreSQL go one after another, in order
_RECORDING = (
    recordings.c.recording_id,
    recordings.c.sha256,
    recordings.c.size_bytes,
    recordings.c.name,
    recordings.c.source,
)


class SqlRecordStore:
    """`ports.RecordStore` over an engine whose tables are up to date. May be shared by threads.

    A `save_` raises KeyError for a recording that was not registered.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, recordings: Iterable[Recording], arrivals: Iterable[Arrival] = ()) -> None:
        """Add recordings, in order; those whose id or whose bytes are there already stay as they are.

        The arrivals by which they came are noted in the same transaction. A recording that a person had dropped is in
        progress again where its file is offered anew; an import that goes over all its files once more is no such wish.
        Raises PermanentFailure where another recording's bytes have the same id: nothing is added then.
        """
        given = {recording.recording_id: recording for recording in recordings}
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(REGISTER_LOCK)))
            for ids in in_chunks(list(given)):
                _register(connection, [given[one] for one in ids])
            registered = _as_registered(connection, given, arrivals)
            put_arrivals(connection, registered)
            offered = {one.recording_id for one in registered if one.recording_id and one.way is not Way.IMPORT}
            revive(connection, sorted(offered))

    def find_by_sha256(self, sha256: str) -> Recording | None:
        """Give the recording that has these bytes."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(*_RECORDING).where(recordings.c.sha256 == sha256)).first()
        return None if row is None else Recording(*row)

    def latest_upload(self) -> str | None:
        """Give the recording that was uploaded last."""
        return latest(self._engine, Way.UPLOAD)

    def recording(self, recording_id: str) -> Recording:
        """Give a registered recording. Raises KeyError where there is none."""
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(*_RECORDING).where(recordings.c.recording_id == recording_id)).first()
        if row is None:
            raise KeyError(recording_id)
        return Recording(*row)

    def save_audio(self, recording_id: str, audio: AudioInfo, run: RunContext) -> None:
        """Keep what decoding found."""
        with self._stage(recording_id, Stage.RAW_AUDIO, run) as (connection, number):
            results.put_audio(connection, number, audio)

    def audio(self, recording_id: str) -> AudioInfo | None:
        """Give what `save_audio` kept."""
        with reading(self._engine) as connection:
            number = number_of(connection, recording_id)
            return None if number is None else results.get_audio(connection, number)

    def save_segments(self, recording_id: str, segments: Sequence[Segment], run: RunContext) -> None:
        """Keep the segments."""
        with self._stage(recording_id, Stage.SEGMENTS, run) as (connection, number):
            results.put_segments(connection, number, segments)

    def segments(self, recording_id: str) -> list[Segment]:
        """Give the segments in order."""
        with reading(self._engine) as connection:
            number = number_of(connection, recording_id)
            return [] if number is None else results.get_segments(connection, number)

    def save_transcript(self, transcript: Transcript, run: RunContext) -> None:
        """Keep a transcript with its utterances and words; what was kept of its spans has had its use."""
        with self._stage(transcript.recording_id, Stage.TRANSCRIPTS, run) as (connection, number):
            results.put_transcript(connection, number, transcript)
            forget_spans(connection, number)
            spoken, _ = texts_in(anchor_corrections(connection, number, transcript.utterances))
            texts = {one.index: spoken.get(one.index, one.text) for one in transcript.utterances}
            forget_search_texts(connection, number)  # translations too: they are of other utterances
            put_search_texts(connection, number, SOURCE_LANGUAGE, texts)

    def transcript(self, recording_id: str) -> Transcript | None:
        """Give a transcript with its utterances and words, as people have corrected them."""
        with reading(self._engine) as connection:
            number = number_of(connection, recording_id)
            found = None if number is None else results.get_transcript(connection, number, recording_id)
            if number is None or found is None:
                return None
            spoken, _ = texts_in(get_applied(connection, number))
        return corrected_transcript(found, spoken)

    def save_translations(self, sets: Sequence[TranslationSet], run: RunContext) -> None:
        """Keep one recording's translations, a set a language. Raises ValueError unless all are of one recording."""
        ids = {one.recording_id for one in sets}
        if len(ids) != 1:
            raise ValueError(f"expected translations of one recording, found those of {sorted(ids)}")
        with self._stage(ids.pop(), Stage.TRANSLATIONS, run) as (connection, number):
            results.put_translations(connection, number, sets)
            _, translated = texts_in(get_applied(connection, number))
            forget_search_texts(connection, number, besides=SOURCE_LANGUAGE)
            for one in corrected_sets(sets, translated):
                texts = {each.utterance_index: each.text for each in one.translations}
                put_search_texts(connection, number, one.language, texts)

    def translations(self, recording_id: str) -> list[TranslationSet]:
        """Give a recording's translations, a set a language, in the order of the codes, as people corrected them."""
        with reading(self._engine) as connection:
            number = number_of(connection, recording_id)
            if number is None:
                return []
            found = results.get_translations(connection, number, recording_id)
            _, translated = texts_in(get_applied(connection, number))
        return corrected_sets(found, translated)

    def corrections(self, recording_id: str) -> list[Correction]:
        """Give the corrections of a recording that hold now, oldest first."""
        with reading(self._engine) as connection:
            number = number_of(connection, recording_id)
            return [] if number is None else get_applied(connection, number)

    def save_subtitles(self, recording_id: str, files: Sequence[SubtitleFile], run: RunContext) -> None:
        """Keep which subtitle files were written."""
        with self._stage(recording_id, Stage.SUBTITLES, run) as (connection, number):
            results.put_subtitles(connection, number, files)

    def rewrite_subtitles(self, recording_id: str, files: Sequence[SubtitleFile]) -> None:
        """Keep which subtitle files were written anew after a correction: no run has done it, and none is noted."""
        with writing(self._engine) as connection:
            results.put_subtitles(connection, _locked(connection, recording_id), files)

    def subtitles(self, recording_id: str) -> list[SubtitleFile]:
        """Give the subtitle files that were written, in the order of language and format."""
        with reading(self._engine) as connection:
            number = number_of(connection, recording_id)
            return [] if number is None else results.get_subtitles(connection, number)

    def save_failure(self, recording_id: str, stage: Stage, error: PipelineError, run: RunContext) -> None:  # noqa: ARG002 - the port has it
        """Note that a stage failed: quarantined after a PermanentFailure, failed after any other."""
        with writing(self._engine) as connection:
            note_failure(connection, _locked(connection, recording_id), stage, error)

    def drop(self, recording_id: str) -> bool:
        """Give up a recording that failed or is quarantined; its reason stays. False where it is neither."""
        with writing(self._engine) as connection:
            return note_dropped(connection, _locked(connection, recording_id))

    def unprocessed(self, ways: Iterable[Way] | None = None) -> list[Unprocessed]:
        """Give the recordings that are in progress, in the order of registration; of those that came so only."""
        return unprocessed(self._engine, ways)

    def left_to_sensors(self, *, above_bytes: int, before: dt.datetime) -> list[Unprocessed]:
        """Give those in progress that came into the inbox, or as uploads that are large or have waited long."""
        return left_to_sensors(self._engine, above_bytes=above_bytes, before=before)

    def count_unprocessed(self, ways: Iterable[Way]) -> int:
        """Count the recordings in progress that came so."""
        return count_unprocessed(self._engine, ways)

    def stages_done(self, recording_ids: Sequence[str]) -> Mapping[str, frozenset[Stage]]:
        """Give the stages that each recording has results for; none for one that is not registered."""
        done: dict[str, set[Stage]] = {one: set() for one in recording_ids}
        joined = stage_commits.join(recordings, recordings.c.number == stage_commits.c.recording_number)
        query = sa.select(recordings.c.recording_id, stage_commits.c.stage).select_from(joined)
        query = query.where(~stage_commits.c.outdated)
        with reading(self._engine) as connection:
            for ids in in_chunks(list(done)):
                for recording_id, stage in connection.execute(query.where(recordings.c.recording_id.in_(ids))):
                    done[recording_id].add(Stage(stage))
        return {recording_id: frozenset(stages) for recording_id, stages in done.items()}

    def last_commits(self, recording_ids: Sequence[str]) -> Mapping[str, Mapping[Stage, StageCommit]]:
        """Give the last commit of each stage; none for a recording that is not registered."""
        found: dict[str, dict[Stage, StageCommit]] = {one: {} for one in recording_ids}
        joined = stage_commits.join(recordings, recordings.c.number == stage_commits.c.recording_number)
        commit = stage_commits.c
        query = sa.select(recordings.c.recording_id, commit.stage, commit.run_id, commit.committed_at, commit.made_with)
        query = query.where(~commit.outdated)
        with reading(self._engine) as connection:
            for ids in in_chunks(list(found)):
                rows = connection.execute(query.select_from(joined).where(recordings.c.recording_id.in_(ids)))
                for recording_id, stage, run_id, committed_at, made_with in rows:
                    found[recording_id][Stage(stage)] = StageCommit(f"{run_id} {committed_at.isoformat()}", made_with)
        return found

    def stages_done_in(self, root_run_id: str) -> frozenset[tuple[str, Stage]]:
        """Give (recording, stage) pairs that this run, or an automatic retry of it, has committed."""
        joined = stage_commits.join(recordings, recordings.c.number == stage_commits.c.recording_number)
        query = sa.select(recordings.c.recording_id, stage_commits.c.stage).select_from(joined)
        query = query.where(~stage_commits.c.outdated)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(stage_commits.c.root_run_id == root_run_id))
            return frozenset((recording_id, Stage(stage)) for recording_id, stage in rows)

    def count_by_state(self) -> Mapping[RecordingState, int]:
        """Count recordings; every state is present."""
        query = sa.select(recordings.c.state, sa.func.count()).group_by(recordings.c.state)
        with reading(self._engine) as connection:
            counts = {RecordingState(state): count for state, count in connection.execute(query)}
        return {state: counts.get(state, 0) for state in RecordingState}

    def rows(
        self, recording_ids: Sequence[str] | None = None, *, state: RecordingState | None = None
    ) -> list[RecordingRow]:
        """Give recordings in the order in which they were registered."""
        query = _rows_query()
        if state is not None:
            query = query.where(recordings.c.state == state.value)
        with reading(self._engine) as connection:
            if recording_ids is None:
                found = list(connection.execute(query.order_by(recordings.c.number)))
            else:
                chunks = in_chunks(list(dict.fromkeys(recording_ids)))
                queries = (query.where(recordings.c.recording_id.in_(ids)) for ids in chunks)
                found = sorted((row for one in queries for row in connection.execute(one)), key=lambda row: row.number)
        return [_as_row(row) for row in found]

    def page(
        self, limit: int, *, state: RecordingState | None = None, before: int | None = None
    ) -> tuple[list[RecordingRow], int | None]:
        """Give recordings, newest first, of those registered before a number; and the number to go on from, if any."""
        query = _rows_query().order_by(recordings.c.number.desc()).limit(limit + 1)
        if state is not None:
            query = query.where(recordings.c.state == state.value)
        if before is not None:
            query = query.where(recordings.c.number < before)
        with reading(self._engine) as connection:
            found = list(connection.execute(query))
        return [_as_row(row) for row in found[:limit]], found[limit - 1].number if len(found) > limit else None

    @contextmanager
    def _stage(self, recording_id: str, stage: Stage, run: RunContext) -> Iterator[tuple[Connection, int]]:
        """Write a stage's rows, its commit and the recording's state in one transaction."""
        with writing(self._engine) as connection:
            number = _locked(connection, recording_id)
            yield connection, number
            note_commit(connection, number, stage, run)


def _locked(connection: Connection, recording_id: str) -> int:
    number = number_of(connection, recording_id, lock=True)
    if number is None:
        raise KeyError(recording_id)
    return number


def _register(connection: Connection, given: Sequence[Recording]) -> None:
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "recording_id": recording.recording_id,
            "sha256": recording.sha256,
            "size_bytes": recording.size_bytes,
            "name": recording.name,
            "source": recording.source,
            "registered_at": now,
        }
        for recording in given
    ]
    connection.execute(insert_into(connection, recordings).on_conflict_do_nothing(), rows)
    there = sa.select(recordings.c.recording_id, recordings.c.sha256, recordings.c.name)
    ids = [recording.recording_id for recording in given]
    sha256_of = {recording.recording_id: recording.sha256 for recording in given}
    for recording_id, sha256, name in connection.execute(there.where(recordings.c.recording_id.in_(ids))):
        if sha256 != sha256_of[recording_id]:
            raise PermanentFailure(
                recording_id,
                expected=f"the bytes of {name}, SHA-256 {sha256}",
                found=f"others, SHA-256 {sha256_of[recording_id]}",
                remedy="Give the new file another name: the two share the first digits of their hashes.",
            )


def _as_registered(
    connection: Connection, given: Mapping[str, Recording], arrivals: Iterable[Arrival]
) -> list[Arrival]:
    """Give arrivals with the ids that their bytes are registered under: another process may have been first."""
    id_of: dict[str, str] = {}
    there = sa.select(recordings.c.sha256, recordings.c.recording_id)
    for hashes in in_chunks([recording.sha256 for recording in given.values()]):
        rows = connection.execute(there.where(recordings.c.sha256.in_(hashes)))
        id_of |= {row.sha256: row.recording_id for row in rows}
    ids = {recording_id: id_of[recording.sha256] for recording_id, recording in given.items()}
    return [replace(one, recording_id=ids.get(one.recording_id or "", one.recording_id)) for one in arrivals]


def _rows_query() -> "sa.Select[*tuple[object, ...]]":
    joined = recordings.outerjoin(audio, audio.c.recording_number == recordings.c.number).outerjoin(
        transcripts, transcripts.c.recording_number == recordings.c.number
    )
    return sa.select(
        recordings, audio.c.duration_s, transcripts.c.word_count, transcripts.c.mean_confidence
    ).select_from(joined)


def _as_row(row: "sa.Row[*tuple[object, ...]]") -> RecordingRow:
    return RecordingRow(
        recording=Recording(row.recording_id, row.sha256, row.size_bytes, row.name, row.source),
        state=RecordingState(row.state),
        failed_stage=None if row.failed_stage is None else Stage(row.failed_stage),
        reason=row.reason,
        duration_s=row.duration_s,
        word_count=row.word_count,
        mean_confidence=row.mean_confidence,
    )
