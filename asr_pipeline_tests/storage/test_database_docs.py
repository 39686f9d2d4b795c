"""docs/database.md and the tables say the same."""

import re

from asr_pipeline.storage.tables import metadata
from asr_pipeline_tests.conftest import REPOSITORY


def test_every_table_and_column_is_told() -> None:
    text = (REPOSITORY / "docs" / "database.md").read_text(encoding="utf-8")
    told = {
        section.split("`")[1]: re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        for section in re.split(r"^### (?=`)", text, flags=re.MULTILINE)[1:]
    }
    assert told == {table.name: [column.name for column in table.c] for table in metadata.tables.values()}
