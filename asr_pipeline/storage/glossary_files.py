"""Glossaries as people keep them: a CSV or TSV file of two columns, the term and its translation."""

import csv
from pathlib import Path

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.glossary import GlossaryEntry, folded, glossary_entry

MAX_FILE_BYTES = 16 * 2**20
MAX_ENTRIES = 50_000
COLUMNS = 2
_HEADERS = {("term", "translation"), ("en", "fa")}


def read_glossary(path: Path, language: str) -> list[GlossaryEntry]:
    """Read a file's entries; `.tsv` has tabs between the columns, any other commas. UTF-8; a header may be there.

    Raises SettingInvalid that names the line, where one can't be an entry: a file is taken whole or not at all.
    """
    try:
        if (size_bytes := path.stat().st_size) > MAX_FILE_BYTES:
            raise _invalid(str(path), f"at most {MAX_FILE_BYTES:,} bytes", f"{size_bytes:,}")
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _invalid(str(path), "a readable CSV or TSV file in UTF-8", str(error)) from error
    entries = []
    for number, row in enumerate(rows, start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and tuple(map(folded, cells)) in _HEADERS):
            continue
        if len(cells) != COLUMNS:
            raise _invalid(f"{path}, row {number}", "two columns", f"{len(cells)}")
        term, translation = cells
        try:
            entries.append(glossary_entry(term, translation, language))
        except SettingInvalid as error:
            raise error.about(f"{path}, row {number}, {error.subject}") from error
    if len(entries) > MAX_ENTRIES:
        raise _invalid(str(path), f"at most {MAX_ENTRIES:,} terms", f"{len(entries):,}")
    return entries


def _invalid(subject: str, expected: str, found: str) -> SettingInvalid:
    return SettingInvalid(
        subject,
        expected=expected,
        found=found,
        remedy="A row is TERM,TRANSLATION: `train station,ایستگاه راه‌آهن`. Nothing was imported.",
    )
