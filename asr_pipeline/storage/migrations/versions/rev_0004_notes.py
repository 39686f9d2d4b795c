"""Notes, and their translations."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "notes",
        sa.Column("number", BIG_NUMBER, nullable=False),
        sa.Column("note_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("original_text", sa.Text(), nullable=False),
        sa.Column("original_language", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_notes")),
        sa.UniqueConstraint("note_id", name=op.f("uq_notes_note_id")),
    )
    op.create_table(
        "note_translations",
        sa.Column("note_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("text_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("model_version", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deaths", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'running', 'done', 'failed', 'outdated')",
            name=op.f("ck_note_translations_status"),
        ),
        sa.CheckConstraint("(status = 'done') = (text IS NOT NULL)", name=op.f("ck_note_translations_text")),
        sa.CheckConstraint("status <> 'failed' OR reason IS NOT NULL", name=op.f("ck_note_translations_reason")),
        sa.CheckConstraint("status <> 'running' OR run_id IS NOT NULL", name=op.f("ck_note_translations_run_id")),
        sa.ForeignKeyConstraint(
            ["note_number"], ["notes.number"], name=op.f("fk_note_translations_notes"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("note_number", "language", name=op.f("pk_note_translations")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_note_translations_status"), "note_translations", ["status"], unique=False)


def downgrade() -> None:
    """Drop the tables."""
    op.drop_index(op.f("ix_note_translations_status"), table_name="note_translations")
    op.drop_table("note_translations")
    op.drop_table("notes")
