"""The corrections that hold now, for queries over texts."""

from typing import Any

import sqlalchemy as sa

from asr_pipeline.storage.tables import corrections


def corrected_text(
    of: "sa.ColumnCollection[Any, Any]", language: "sa.ColumnElement[str]", text: "sa.ColumnElement[str]"
) -> "sa.ColumnElement[str]":
    """Give the text that a person has put in place of an utterance's, or that text itself.

    `of` are columns of a table that has `recording_number` and `utterance_index`.
    """
    correction = corrections.c
    newer = (
        sa.select(correction.new_text)
        .where(
            correction.recording_number == of.recording_number,
            correction.utterance_index == of.utterance_index,
            correction.language == language,
            correction.applied,
        )
        .limit(1)
        .scalar_subquery()
    )
    return sa.func.coalesce(newer, text)
