"""What was really said in a recording, as a person wrote it down: word error rates are measured by it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "reference_texts",
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"],
            ["recordings.number"],
            name=op.f("fk_reference_texts_recordings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recording_number", name=op.f("pk_reference_texts")),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("reference_texts")
