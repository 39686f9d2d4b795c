"""The first tables: recordings, what each stage found, which run committed it, and the translation memory."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "recordings",
        sa.Column("number", BIG_NUMBER, nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), server_default="in_progress", nullable=False),
        sa.Column("failed_stage", sa.Text(), nullable=True),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("original_removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(state NOT IN ('failed', 'quarantined') OR failed_stage IS NOT NULL) "
            "AND (state NOT IN ('in_progress', 'done') OR failed_stage IS NULL) "
            "AND (failed_stage IS NULL) = (reason IS NULL) AND (failed_stage IS NULL) = (failure_kind IS NULL) "
            "AND (failed_stage IS NULL) = (failed_at IS NULL)",
            name=op.f("ck_recordings_failure"),
        ),
        sa.CheckConstraint(
            "failed_stage IN ('raw_audio', 'segments', 'transcripts', 'translations', 'subtitles')",
            name=op.f("ck_recordings_failed_stage"),
        ),
        sa.CheckConstraint(
            "state IN ('in_progress', 'done', 'failed', 'quarantined', 'dropped')", name=op.f("ck_recordings_state")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_recordings")),
        sa.UniqueConstraint("recording_id", name=op.f("uq_recordings_recording_id")),
        sa.UniqueConstraint("sha256", name=op.f("uq_recordings_sha256")),
    )
    op.create_index(op.f("ix_recordings_state"), "recordings", ["state", "number"], unique=False)
    op.create_table(
        "arrivals",
        sa.Column("number", BIG_NUMBER, nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("way IN ('inbox', 'process', 'import', 'upload')", name=op.f("ck_arrivals_way")),
        sa.CheckConstraint("outcome IN ('accepted', 'refused', 'dropped')", name=op.f("ck_arrivals_outcome")),
        sa.CheckConstraint(
            "(outcome = 'accepted') = (recording_id IS NOT NULL)", name=op.f("ck_arrivals_recording_id")
        ),
        sa.CheckConstraint("(outcome = 'accepted') = (reason IS NULL)", name=op.f("ck_arrivals_reason")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("key_sha256", name=op.f("uq_arrivals_key_sha256")),
    )
    op.create_index(op.f("ix_arrivals_recording_id"), "arrivals", ["recording_id"], unique=False)
    op.create_index(op.f("ix_arrivals_outcome"), "arrivals", ["outcome"], unique=False)
    op.create_table(
        "glossary",
        sa.Column("source_language", sa.Text(), nullable=False),
        sa.Column("target_language", sa.Text(), nullable=False),
        sa.Column("term", sa.Text(), nullable=False),
        sa.Column("translation", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source_language", "target_language", "term", name=op.f("pk_glossary")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "translation_memory",
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("source_language", sa.Text(), nullable=False),
        sa.Column("target_language", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("translation", sa.Text(), nullable=False),
        sa.Column("remembered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_sha256", name=op.f("pk_translation_memory")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audio",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("container", sa.Text(), nullable=False),
        sa.Column("codec", sa.Text(), nullable=False),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("canonical_channels", sa.Integer(), nullable=False),
        sa.Column("peak_dbfs", sa.Double(), nullable=False),
        sa.Column("rms_dbfs", sa.Double(), nullable=False),
        sa.Column("clipped_samples", sa.BigInteger(), nullable=False),
        sa.Column("waveform", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_audio_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", name=op.f("pk_audio")),
    )
    op.create_table(
        "segments",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("segment_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_segments_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", "segment_index", name=op.f("pk_segments")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stage_commits",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("root_run_id", sa.Text(), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_with", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("outdated", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('raw_audio', 'segments', 'transcripts', 'translations', 'subtitles')",
            name=op.f("ck_stage_commits_stage"),
        ),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_stage_commits_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", "stage", name=op.f("pk_stage_commits")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_stage_commits_root_run_id"), "stage_commits", ["root_run_id"], unique=False)
    op.create_table(
        "span_results",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("span_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("made_with", sa.Text(), nullable=False),
        sa.Column("utterances", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_span_results_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", "span_index", name=op.f("pk_span_results")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subtitles",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("cue_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_subtitles_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", "language", "format", name=op.f("pk_subtitles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "transcripts",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("chunk_bytes", sa.Integer(), nullable=False),
        sa.Column("word_count", sa.Integer(), nullable=False),
        sa.Column("mean_confidence", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_transcripts_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", name=op.f("pk_transcripts")),
    )
    op.create_table(
        "translation_sets",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("glossary", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"], ["recordings.number"], name=op.f("fk_translation_sets_recordings"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("recording_number", "language", name=op.f("pk_translation_sets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "translations",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("utterance_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number", "language"],
            ["translation_sets.recording_number", "translation_sets.language"],
            name=op.f("fk_translations_translation_sets"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recording_number", "language", "utterance_index", name=op.f("pk_translations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "utterances",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("utterance_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"],
            ["transcripts.recording_number"],
            name=op.f("fk_utterances_transcripts"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recording_number", "utterance_index", name=op.f("pk_utterances")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "words",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("utterance_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("word_index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("end_s", sa.Double(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number", "utterance_index"],
            ["utterances.recording_number", "utterances.utterance_index"],
            name=op.f("fk_words_utterances"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recording_number", "utterance_index", "word_index", name=op.f("pk_words")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("words")
    op.drop_table("utterances")
    op.drop_table("translations")
    op.drop_table("translation_sets")
    op.drop_table("transcripts")
    op.drop_table("subtitles")
    op.drop_index(op.f("ix_stage_commits_root_run_id"), table_name="stage_commits")
    op.drop_table("stage_commits")
    op.drop_table("span_results")
    op.drop_table("segments")
    op.drop_table("audio")
    op.drop_table("translation_memory")
    op.drop_table("glossary")
    op.drop_index(op.f("ix_arrivals_outcome"), table_name="arrivals")
    op.drop_index(op.f("ix_arrivals_recording_id"), table_name="arrivals")
    op.drop_table("arrivals")
    op.drop_index(op.f("ix_recordings_state"), table_name="recordings")
    op.drop_table("recordings")
