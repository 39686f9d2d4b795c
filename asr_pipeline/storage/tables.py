"""The tables, for SQLite and PostgreSQL alike. docs/database.md tells what each column holds.

A change here needs a migration in `migrations/versions/`: a test compares the two.
"""

import datetime as dt
import json
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from asr_pipeline.domain.access import Scope
from asr_pipeline.domain.arrival import Outcome, Way
from asr_pipeline.domain.note import TranslationStatus
from asr_pipeline.domain.recording import RecordingState
from asr_pipeline.domain.stage import Stage
from asr_pipeline.storage.text import original, storable

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
SHA256_CHARS = 64
metadata = sa.MetaData(naming_convention=NAMING)
BigNumber = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # SQLite numbers only an INTEGER key by itself


class StoredText(TypeDecorator[str]):
    """Text from outside, escaped where a database can't hold it."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - its protocol
        """Escape."""
        return None if value is None else storable(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - its protocol
        """Give back what was escaped."""
        return None if value is None else original(value)


class UtcTime(TypeDecorator[dt.datetime]):
    """A moment in UTC; SQLite keeps it without its zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Turn into UTC. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value}: expected a time with a zone, found none.")
        moment = value.astimezone(dt.UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:  # noqa: ARG002 - its protocol
        """Give the moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


class Waveform(TypeDecorator[tuple[tuple[float, float], ...]]):
    """Pairs of lowest and highest sample, as JSON text."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Iterable[tuple[float, float]] | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - its protocol
        """Write JSON."""
        return None if value is None else json.dumps(list(value), allow_nan=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[tuple[float, float], ...] | None:  # noqa: ARG002 - its protocol
        """Read JSON."""
        return None if value is None else tuple((low, high) for low, high in json.loads(value))


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _recording_number(*, primary_key: bool = True) -> "sa.Column[int]":
    return sa.Column(
        "recording_number",
        BigNumber,
        sa.ForeignKey("recordings.number", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
        autoincrement=False,
    )


def _made_by() -> "list[sa.Column[str]]":
    return [sa.Column(name, StoredText, nullable=False) for name in ("engine", "model", "model_version")]


recordings = sa.Table(
    "recordings",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    sa.Column("recording_id", sa.Text, nullable=False, unique=True),
    sa.Column("sha256", sa.String(SHA256_CHARS), nullable=False, unique=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("name", StoredText, nullable=False),
    sa.Column("source", StoredText, nullable=False),
    sa.Column("registered_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default=RecordingState.IN_PROGRESS.value),
    sa.Column("failed_stage", sa.Text),
    sa.Column("failure_kind", sa.Text),
    sa.Column("reason", StoredText),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failed_at", UtcTime),
    sa.Column("original_removed_at", UtcTime),
    sa.Column("retired_at", UtcTime),
    sa.CheckConstraint(_one_of("state", RecordingState), name="state"),
    sa.CheckConstraint(_one_of("failed_stage", Stage), name="failed_stage"),
    sa.CheckConstraint(
        "(state NOT IN ('failed', 'quarantined') OR failed_stage IS NOT NULL) "
        "AND (state NOT IN ('in_progress', 'done') OR failed_stage IS NULL) "
        "AND (failed_stage IS NULL) = (reason IS NULL) AND (failed_stage IS NULL) = (failure_kind IS NULL) "
        "AND (failed_stage IS NULL) = (failed_at IS NULL)",
        name="failure",
    ),
    sa.Index(None, "state", "number"),
    sa.Index(None, "failed_at"),
)

arrivals = sa.Table(
    "arrivals",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    sa.Column("key_sha256", sa.String(SHA256_CHARS), nullable=False, unique=True),
    sa.Column("path", StoredText, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("mtime_ns", sa.BigInteger, nullable=False),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    # No foreign key, on purpose: a recording's row that is lost must be missed, not take its arrivals with it.
    sa.Column("recording_id", sa.Text),
    sa.Column("reason", StoredText),
    sa.Column("arrived_at", UtcTime, nullable=False),
    sa.CheckConstraint(_one_of("way", Way), name="way"),
    sa.CheckConstraint(_one_of("outcome", Outcome), name="outcome"),
    sa.CheckConstraint("(outcome = 'accepted') = (recording_id IS NOT NULL)", name="recording_id"),
    sa.CheckConstraint("(outcome = 'accepted') = (reason IS NULL)", name="reason"),
    sa.Index(None, "recording_id"),
    sa.Index(None, "outcome"),
)

audio = sa.Table(
    "audio",
    metadata,
    _recording_number(),
    sa.Column("path", StoredText, nullable=False),
    sa.Column("duration_s", sa.Double, nullable=False),
    sa.Column("container", StoredText, nullable=False),
    sa.Column("codec", StoredText, nullable=False),
    sa.Column("sample_rate_hz", sa.Integer, nullable=False),
    sa.Column("channels", sa.Integer, nullable=False),
    sa.Column("canonical_channels", sa.Integer, nullable=False),
    sa.Column("peak_dbfs", sa.Double, nullable=False),
    sa.Column("rms_dbfs", sa.Double, nullable=False),
    sa.Column("clipped_samples", sa.BigInteger, nullable=False),
    sa.Column("waveform", Waveform, nullable=False),
)

segments = sa.Table(
    "segments",
    metadata,
    _recording_number(),
    sa.Column("segment_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Integer, nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    sqlite_with_rowid=False,
)

transcripts = sa.Table(
    "transcripts",
    metadata,
    _recording_number(),
    *_made_by(),
    sa.Column("chunk_bytes", sa.Integer, nullable=False),
    sa.Column("word_count", sa.Integer, nullable=False),
    sa.Column("mean_confidence", sa.Double),
)

span_results = sa.Table(
    "span_results",
    metadata,
    _recording_number(),
    sa.Column("span_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("made_with", sa.Text, nullable=False),
    sa.Column("utterances", StoredText, nullable=False),
    sqlite_with_rowid=False,
)

utterances = sa.Table(
    "utterances",
    metadata,
    sa.Column(
        "recording_number",
        BigNumber,
        sa.ForeignKey("transcripts.recording_number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("utterance_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.Integer, nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("text", StoredText, nullable=False),
    sqlite_with_rowid=False,
)

words = sa.Table(
    "words",
    metadata,
    sa.Column("recording_number", BigNumber, primary_key=True, autoincrement=False),
    sa.Column("utterance_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("word_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", StoredText, nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("end_s", sa.Double, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.ForeignKeyConstraint(
        ["recording_number", "utterance_index"],
        ["utterances.recording_number", "utterances.utterance_index"],
        ondelete="CASCADE",
    ),
    sqlite_with_rowid=False,
)

translation_sets = sa.Table(
    "translation_sets",
    metadata,
    _recording_number(),
    sa.Column("language", sa.Text, primary_key=True),
    *_made_by(),
    sa.Column("glossary", sa.Text, nullable=False, server_default=sa.text("''")),
    sqlite_with_rowid=False,
)

translations = sa.Table(
    "translations",
    metadata,
    sa.Column("recording_number", BigNumber, primary_key=True, autoincrement=False),
    sa.Column("language", sa.Text, primary_key=True),
    sa.Column("utterance_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", StoredText, nullable=False),
    sa.ForeignKeyConstraint(
        ["recording_number", "language"],
        ["translation_sets.recording_number", "translation_sets.language"],
        ondelete="CASCADE",
    ),
    sqlite_with_rowid=False,
)

subtitles = sa.Table(
    "subtitles",
    metadata,
    _recording_number(),
    sa.Column("language", sa.Text, primary_key=True),
    sa.Column("format", sa.Text, primary_key=True),
    sa.Column("path", StoredText, nullable=False),
    sa.Column("cue_count", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

stage_commits = sa.Table(
    "stage_commits",
    metadata,
    _recording_number(),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("root_run_id", sa.Text, nullable=False),
    sa.Column("committed_at", UtcTime, nullable=False),
    sa.Column("made_with", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("outdated", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.CheckConstraint(_one_of("stage", Stage), name="stage"),
    sa.Index(None, "root_run_id"),
    sa.Index(None, "committed_at"),
    sqlite_with_rowid=False,
)

reference_texts = sa.Table(
    "reference_texts",
    metadata,
    _recording_number(),
    sa.Column("text", StoredText, nullable=False),
    sa.Column("words", sa.Integer, nullable=False),
    sa.Column("noted_at", UtcTime, nullable=False),
)

translation_memory = sa.Table(
    "translation_memory",
    metadata,
    sa.Column("key_sha256", sa.String(SHA256_CHARS), primary_key=True),
    sa.Column("source_language", sa.Text, nullable=False),
    sa.Column("target_language", sa.Text, nullable=False),
    *_made_by(),
    sa.Column("sentence", StoredText, nullable=False),
    sa.Column("translation", StoredText, nullable=False),
    sa.Column("remembered_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

glossary = sa.Table(
    "glossary",
    metadata,
    sa.Column("source_language", sa.Text, primary_key=True),
    sa.Column("target_language", sa.Text, primary_key=True),
    sa.Column("term", StoredText, primary_key=True),
    sa.Column("translation", StoredText, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("key_sha256", sa.String(SHA256_CHARS), primary_key=True),
    sa.Column("body_sha256", sa.String(SHA256_CHARS), nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("answer", StoredText, nullable=False),
    sa.Column("answered_at", UtcTime, nullable=False),
    sa.Index(None, "answered_at"),
    sqlite_with_rowid=False,
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    sa.Column("note_id", sa.Text, nullable=False, unique=True),
    sa.Column("title", StoredText, nullable=False),
    sa.Column("original_text", StoredText, nullable=False),
    sa.Column("original_language", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("text_version", sa.Integer, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
)

note_translations = sa.Table(
    "note_translations",
    metadata,
    sa.Column(
        "note_number",
        BigNumber,
        sa.ForeignKey("notes.number", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("language", sa.Text, primary_key=True),
    sa.Column("text_version", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("text", StoredText),
    sa.Column("reason", StoredText),
    *(sa.Column(name, StoredText) for name in ("engine", "model", "model_version")),
    sa.Column("run_id", sa.Text),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failed_at", UtcTime),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint(_one_of("status", TranslationStatus), name="status"),
    sa.CheckConstraint("(status = 'done') = (text IS NOT NULL)", name="text"),
    sa.CheckConstraint("status <> 'failed' OR reason IS NOT NULL", name="reason"),
    sa.CheckConstraint("status <> 'running' OR run_id IS NOT NULL", name="run_id"),
    sa.Index(None, "status"),
    sqlite_with_rowid=False,
)

# What is searched, folded (`domain.search`). The migration makes the index over it, for each database its own kind.
search_texts = sa.Table(
    "search_texts",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    _recording_number(primary_key=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("utterance_index", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Index(None, "recording_number", "language", "utterance_index", unique=True),
)

corrections = sa.Table(
    "corrections",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    _recording_number(primary_key=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("utterance_index", sa.Integer, nullable=False),
    sa.Column("recognised", StoredText, nullable=False),
    sa.Column("start_s", sa.Double, nullable=False),
    sa.Column("old_text", StoredText, nullable=False),
    sa.Column("new_text", StoredText, nullable=False),
    sa.Column("corrected_by", StoredText, nullable=False),
    sa.Column("corrected_at", UtcTime, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
    sa.Index(None, "recording_number", "language", "utterance_index"),
)


api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("key_sha256", sa.String(SHA256_CHARS), nullable=False, unique=True),
    sa.Column("name", StoredText, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime),
    sa.Column("last_used_at", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.CheckConstraint(_one_of("scope", Scope), name="scope"),
    sqlite_with_rowid=False,
)

audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    sa.Column("happened_at", UtcTime, nullable=False),
    sa.Column("principal", StoredText, nullable=False),
    sa.Column("action", StoredText, nullable=False),
    sa.Column("target", StoredText, nullable=False),
    sa.Column("address", StoredText),
    sa.Column("request_id", sa.Text),
    sa.Column("result", sa.Text, nullable=False),
    sa.Index(None, "happened_at"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    sa.Column("delivery_id", sa.String(SHA256_CHARS), nullable=False, unique=True),
    sa.Column("url", StoredText, nullable=False),
    sa.Column("recording_id", sa.Text, nullable=False),
    sa.Column("body", StoredText, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", UtcTime),
    sa.Column("delivered_at", UtcTime),
    sa.Column("last_error", StoredText),
    sa.Index(None, "due_at"),
)

# Totals over all processes, which add to them (`storage.tallies`); nothing of any one recording is in them.
tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("changed_at", UtcTime, nullable=False),
    sqlite_with_rowid=False,
)

verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("number", BigNumber, primary_key=True),
    sa.Column("ended_at", UtcTime, nullable=False),
    sa.Column("deep", sa.Boolean, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("findings", sa.BigInteger, nullable=False),
)
