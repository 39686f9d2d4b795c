"""What is searched, with an index of each database's own kind over it; and the corrections that people make.

SQLite's index (FTS5) holds no text of its own: triggers keep it to the table, also where rows go with their recording.
"""

from collections.abc import Iterator
from itertools import islice

import sqlalchemy as sa
from alembic import op

from asr_pipeline.domain.search import indexed
from asr_pipeline.storage.text import original

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ROWS_AT_A_TIME = 5_000
SQLITE_INDEX = (
    (
        "CREATE VIRTUAL TABLE search_index USING fts5("
        "text, content='search_texts', content_rowid='number', tokenize='unicode61 remove_diacritics 0')"
    ),
    (
        "CREATE TRIGGER search_index_insert AFTER INSERT ON search_texts BEGIN "
        "INSERT INTO search_index(rowid, text) VALUES (new.number, new.text); END"
    ),
    (
        "CREATE TRIGGER search_index_delete AFTER DELETE ON search_texts BEGIN "
        "INSERT INTO search_index(search_index, rowid, text) VALUES ('delete', old.number, old.text); END"
    ),
    (
        "CREATE TRIGGER search_index_update AFTER UPDATE ON search_texts BEGIN "
        "INSERT INTO search_index(search_index, rowid, text) VALUES ('delete', old.number, old.text); "
        "INSERT INTO search_index(rowid, text) VALUES (new.number, new.text); END"
    ),
)
POSTGRESQL_INDEX = ("CREATE INDEX search_index ON search_texts USING gin (to_tsvector('simple', text))",)
SPOKEN = "SELECT recording_number, 'en', utterance_index, text FROM utterances"
TRANSLATED = (  # of the utterances that are there now
    "SELECT t.recording_number, t.language, t.utterance_index, t.text FROM translations t JOIN stage_commits c "
    "ON c.recording_number = t.recording_number AND c.stage = 'translations' AND NOT c.outdated"
)


def upgrade() -> None:
    """Make the tables and the index, and fill them from what is there."""
    op.create_table(
        "search_texts",
        sa.Column("number", BIG_NUMBER, nullable=False),
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("utterance_index", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"],
            ["recordings.number"],
            name=op.f("fk_search_texts_recordings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_search_texts")),
    )
    op.create_index(
        op.f("ix_search_texts_recording_number"),
        "search_texts",
        ["recording_number", "language", "utterance_index"],
        unique=True,
    )
    op.create_table(
        "corrections",
        sa.Column("number", BIG_NUMBER, nullable=False),
        sa.Column("recording_number", BIG_NUMBER, autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("utterance_index", sa.Integer(), nullable=False),
        sa.Column("recognised", sa.Text(), nullable=False),
        sa.Column("start_s", sa.Double(), nullable=False),
        sa.Column("old_text", sa.Text(), nullable=False),
        sa.Column("new_text", sa.Text(), nullable=False),
        sa.Column("corrected_by", sa.Text(), nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_number"],
            ["recordings.number"],
            name=op.f("fk_corrections_recordings"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_corrections")),
    )
    op.create_index(
        op.f("ix_corrections_recording_number"),
        "corrections",
        ["recording_number", "language", "utterance_index"],
        unique=False,
    )
    _fill()
    for statement in SQLITE_INDEX if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_INDEX:
        op.execute(sa.text(statement))
    if op.get_bind().dialect.name == "sqlite":
        op.execute("INSERT INTO search_index(search_index) VALUES ('rebuild')")


def downgrade() -> None:
    """Remove the tables, with the index and its triggers."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_table("search_index")
    op.drop_table("search_texts")
    op.drop_table("corrections")


def _fill() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    insert = sa.text(
        "INSERT INTO search_texts (recording_number, language, utterance_index, text) "
        "VALUES (:recording_number, :language, :utterance_index, :text)"
    )
    for query in (SPOKEN, TRANSLATED):
        rows = _folded(query)
        while some := list(islice(rows, ROWS_AT_A_TIME)):
            connection.execute(insert, some)


def _folded(query: str) -> Iterator[dict[str, object]]:
    streamed = op.get_bind().execute(sa.text(query), execution_options={"yield_per": ROWS_AT_A_TIME})
    for number, language, index, text in streamed:
        yield {
            "recording_number": number,
            "language": language,
            "utterance_index": index,
            "text": indexed(original(text)),
        }
