"""Keys of recordings."""

import re

from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.recording import recording_id, slug


@given(st.text())
def test_a_key_is_safe_in_paths_addresses_and_partitions(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))
    assert len(slug(name)) <= 40


def test_a_key_names_the_file_and_its_bytes() -> None:
    assert recording_id("Board Meeting (final).mp3", "0123456789abcdef" * 4) == "board-meeting-final-0123456789ab"
    assert recording_id("مصاحبه.wav", "f" * 64) == "recording-ffffffffffff"
    assert slug("../../etc/passwd") == "etc-passwd"
