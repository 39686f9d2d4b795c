"""A model's fingerprint is the same on every machine, however large its files, and another where their bytes differ."""

import os
import shutil
from pathlib import Path

import pytest

from asr_pipeline.engines import recognizer
from asr_pipeline.engines.recognizer import VoskTranscriber


def fingerprint(model: Path) -> str:
    recognizer._fingerprint.cache_clear()
    return VoskTranscriber(model).version.version


def test_dates_do_not_count_and_bytes_do(starter_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = shutil.copytree(starter_models / "vosk-model-starter-en", tmp_path / "model")
    monkeypatch.setattr(recognizer, "WHOLE_UP_TO_BYTES", 2**19)  # as if its largest files were gigabytes
    before = fingerprint(model)
    largest = max((path for path in model.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    assert largest.stat().st_size > recognizer.WHOLE_UP_TO_BYTES
    os.utime(largest, (1, 1))
    assert fingerprint(model) == before
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    assert fingerprint(model) != before
