"""Where files lie."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_pipeline.domain.errors import SettingInvalid
from asr_pipeline.domain.recording import Recording, recording_id
from asr_pipeline.domain.subtitle import SubtitleFormat
from asr_pipeline.storage.layout import Layout

SHA256 = "ab12" * 16
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\x00"), min_size=1, max_size=255)


@given(names)
def test_no_name_leads_out_of_the_data_folder(name: str) -> None:
    layout = Layout(Path("data"))
    one = recording_id(name, SHA256)
    paths = [layout.original_of(SHA256, name), layout.audio_of(one), layout.subtitle_of(one, "fa", SubtitleFormat.SRT)]
    for path in paths:
        assert path.resolve().is_relative_to(layout.data_dir.resolve())
        assert layout.absolute(layout.relative(path)) == path
        assert len(path.name) < 128


def test_files_are_sharded_by_the_hash() -> None:
    layout = Layout(Path("data"))
    assert layout.original_of(SHA256, "A.WAV") == Path("data/originals/ab") / f"{SHA256}.wav"
    assert layout.audio_of("a-ab12ab12ab12") == Path("data/audio/ab/a-ab12ab12ab12.flac")
    assert layout.subtitle_of("a-ab12ab12ab12", "bilingual", SubtitleFormat.VTT) == Path(
        "data/results/ab/a-ab12ab12ab12/a-ab12ab12ab12.bilingual.vtt"
    )


def test_paths_survive_a_move_of_the_data_folder(tmp_path: Path) -> None:
    stored = Layout(tmp_path / "old").relative(tmp_path / "old" / "audio" / "ab" / "x.flac")
    assert stored == "audio/ab/x.flac"
    assert Layout(tmp_path / "new").absolute(stored) == tmp_path / "new" / "audio" / "ab" / "x.flac"


def test_a_source_outside_stays_absolute(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    outside = tmp_path / "elsewhere.wav"
    assert layout.relative(outside) == str(outside)
    assert layout.source_of(Recording("a", SHA256, 1, "a", layout.relative(outside))) == outside


@pytest.mark.parametrize("stored", ["../passwd", "audio/../../passwd"])
def test_a_relative_path_may_not_leave(tmp_path: Path, stored: str) -> None:
    with pytest.raises(ValueError, match="inside"):
        Layout(tmp_path).absolute(stored)


def test_folders_are_made_once_and_again(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "with space" / "data")
    layout.ensure()
    layout.ensure()
    assert layout.originals.is_dir()
    assert layout.dagster_home.is_dir()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(SettingInvalid, match=r"data.*ASR_PIPELINE_DATA_DIR"):
        Layout(tmp_path / "data").ensure()
