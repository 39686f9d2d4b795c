"""Glossaries in files."""

from pathlib import Path

import pytest

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.glossary import GlossaryEntry
from asr_pipeline.storage.glossary_files import MAX_ENTRIES, read_glossary


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("terms.csv", 'term,translation\nCamera,دوربین\n\n"Nova, the desk",نوا\n'),
        ("terms.csv", '\ufeffEN,FA\r\n camera , دوربین \r\n"nova, the desk",نوا'),
        ("terms.TSV", "camera\tدوربین\nnova, the desk\tنوا\n"),
        ("terms.txt", 'camera,دوربین\n,\n"nova, the desk",نوا\n'),
    ],
)
def test_two_columns_are_read(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode())
    assert read_glossary(path, "fa") == [GlossaryEntry("camera", "دوربین"), GlossaryEntry("nova, the desk", "نوا")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("camera,دوربین\nbus\n", "row 2: expected two columns, found 1"),
        ("a,b,c\n", "row 1: expected two columns, found 3"),
        ("camera,\n", "row 1, translation of 'camera': expected some text"),
        ("camera,x\n!,y\n", "row 2"),
        ("camera,\u202ex\n", r"U\+202E"),
        ('"camera,x\n', "readable"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_can_not_be_taken_whole_is_refused(tmp_path: Path, content: str | bytes, told: str) -> None:
    path = tmp_path / "terms.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SettingInvalid, match=told) as caught:
        read_glossary(path, "fa")
    assert "terms.csv" in str(caught.value)


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "terms.csv"
    with pytest.raises(SettingInvalid, match="No such file"):
        read_glossary(path, "fa")
    path.write_text("".join(f"term {n},x\n" for n in range(MAX_ENTRIES + 1)))
    with pytest.raises(SettingInvalid, match="at most 50,000 terms"):
        read_glossary(path, "fa")
    monkeypatch.setattr("asr_pipeline.storage.glossary_files.MAX_FILE_BYTES", 10)
    with pytest.raises(SettingInvalid, match="at most 10 bytes"):
        read_glossary(path, "fa")
