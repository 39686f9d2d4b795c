"""Text that databases and UTF-8 can hold."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.storage.text import original, storable

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@given(ANY_TEXT)
def test_every_text_comes_back_and_can_be_stored(text: str) -> None:
    stored = storable(text)
    assert original(stored) == text
    assert "\x00" not in stored
    stored.encode("utf-8")


@given(st.binary(max_size=255))
def test_every_file_name_comes_back(name: bytes) -> None:
    assert os.fsencode(original(storable(os.fsdecode(name)))) == name


@pytest.mark.parametrize("plain", ["call.wav", "سلام دنیا.mp3", "two\nlines", 'it\'s "quoted"', "🎧", ""])
def test_ordinary_text_stays_readable(plain: str) -> None:
    assert storable(plain) == plain


def test_bytes_and_backslashes_are_escaped() -> None:
    assert storable("caf\udce9\\x.wav") == r"caf\xe9\\x.wav"
    assert storable("a\x00b\ud800") == r"a\x00b\ud800"
