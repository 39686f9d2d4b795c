"""Each format with a real file: nothing is lost of its length, its level or its channels."""

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr_pipeline.domain.audio import ChannelMode
from asr_pipeline.engines.audio import CanonicalAudio, FFmpegDecoder
from asr_pipeline_tests.engines.audio_files import encode, likeness, tones

pytestmark = pytest.mark.engine
SECONDS = 3.0

DECODERS = {"libmp3lame": "mp3", "libopus": "opus", "libopencore_amrnb": "amrnb", "mp2": "mp3"}
# suffix, container, codec, rate, channels, least likeness
FORMATS = [
    *(("wav", "wav", codec, 16_000, 1, 0.999) for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le")),
    *(("wav", "wav", codec, 16_000, 2, 0.999) for codec in ("pcm_f32le", "pcm_f64le")),
    *(("wav", "wav", codec, 8_000, 1, 0.99) for codec in ("pcm_alaw", "pcm_mulaw")),
    *(("wav", "wav", "pcm_s16le", rate, 1, 0.999) for rate in (8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000)),
    *(("wav", "wav", "pcm_s16le", 16_000, channels, 0.999) for channels in (3, 4, 5, 6, 7, 8)),
    ("wav", "wav", "adpcm_ima_wav", 16_000, 1, 0.98),
    ("flac", "flac", "flac", 44_100, 2, 0.999),
    ("flac", "flac", "flac", 96_000, 1, 0.999),
    ("mp3", "mp3", "libmp3lame", 44_100, 2, 0.99),
    ("mp3", "mp3", "libmp3lame", 8_000, 1, 0.98),
    ("m4a", "mp4", "aac", 44_100, 1, 0.98),
    ("m4a", "mp4", "aac", 48_000, 6, 0.9),
    ("m4a", "mp4", "alac", 44_100, 2, 0.999),
    ("aac", "adts", "aac", 16_000, 1, 0.98),
    ("ogg", "ogg", "libopus", 48_000, 1, 0.98),
    ("opus", "opus", "libopus", 48_000, 2, 0.98),
    ("webm", "webm", "libopus", 48_000, 2, 0.98),
    ("mka", "matroska", "aac", 44_100, 2, 0.98),
    ("aiff", "aiff", "pcm_s16be", 22_050, 2, 0.999),
    ("w64", "w64", "pcm_s16le", 16_000, 1, 0.999),
    ("au", "au", "pcm_s16be", 16_000, 1, 0.999),
    ("caf", "caf", "pcm_s16le", 16_000, 1, 0.999),
    ("amr", "amr", "libopencore_amrnb", 8_000, 1, 0.8),
    ("ts", "mpegts", "mp2", 44_100, 2, 0.98),
]


@pytest.mark.parametrize(("suffix", "container", "codec", "rate_hz", "channels", "alike"), FORMATS, ids=str)
def test_every_format_keeps_length_and_sound(  # noqa: PLR0917 - one argument a column
    tmp_path: Path, suffix: str, container: str, codec: str, rate_hz: int, channels: int, alike: float
) -> None:
    source = encode(tmp_path / f"a.{suffix}", container, codec, tones(SECONDS, rate_hz, channels), rate_hz)
    info = FFmpegDecoder().decode(source, tmp_path / "out" / "a.flac")
    found, found_rate_hz = soundfile.read(tmp_path / "out" / "a.flac", dtype="float64", always_2d=True)
    mixed = tones(SECONDS, 16_000, channels).mean(axis=0)
    assert found_rate_hz == 16_000
    assert found.shape[1] == 1
    assert info.codec.removesuffix("float") == DECODERS.get(codec, codec)
    assert (info.sample_rate_hz, info.channels) == (rate_hz, channels)
    assert info.duration_s == pytest.approx(SECONDS, abs=0.08)
    assert info.duration_s == len(found) / 16_000
    assert likeness(found[:, 0], mixed) > alike
    assert found[:, 0].std() == pytest.approx(mixed.std(), rel=0.2)  # AMR is a fifth quieter
    assert 400 > len(info.waveform) / 2 > 100
    assert all(-1 <= low <= high <= 1 for low, high in info.waveform)
    assert math.isfinite(info.peak_dbfs)
    assert -20 < info.rms_dbfs < info.peak_dbfs < 0.5


def test_vorbis_is_decoded(tmp_path: Path) -> None:
    source = tmp_path / "a.ogg"  # by libsndfile: this FFmpeg's own encoder is experimental
    soundfile.write(source, tones(SECONDS, 44_100, 2).T, 44_100, format="OGG", subtype="VORBIS")
    info = FFmpegDecoder().decode(source, tmp_path / "a.flac")
    found = soundfile.read(tmp_path / "a.flac", dtype="float64")[0]
    assert info.codec == "vorbis"
    assert info.duration_s == pytest.approx(SECONDS, abs=0.05)
    assert likeness(found, tones(SECONDS, 16_000, 2).mean(axis=0)) > 0.98


@pytest.mark.parametrize("channels", [2, 6, 8])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_each_channel_is_heard_in_the_mix(tmp_path: Path, channels: int, rate_hz: int) -> None:
    for speaking in range(channels):
        sound = np.zeros((channels, rate_hz))
        sound[speaking] = tones(1, rate_hz)[0]
        source = encode(tmp_path / "a.wav", "wav", "pcm_s16le", sound, rate_hz)
        FFmpegDecoder().decode(source, tmp_path / "a.flac")
        found = soundfile.read(tmp_path / "a.flac", dtype="float64")[0]
        assert found.std() == pytest.approx(sound[speaking].std() / channels, rel=0.05)
        assert likeness(found, tones(1, 16_000)[0]) > 0.99


@pytest.mark.parametrize("channels", [2, 3, 8])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_split_keeps_channels_apart(tmp_path: Path, channels: int, rate_hz: int) -> None:
    source = encode(tmp_path / "a.wav", "wav", "pcm_s16le", tones(2, rate_hz, channels), rate_hz)
    info = FFmpegDecoder(channel_mode=ChannelMode.SPLIT).decode(source, tmp_path / "a.flac")
    assert info.canonical_channels == channels
    with CanonicalAudio(tmp_path / "a.flac") as audio:
        assert audio.channels == channels
        for channel, expected in enumerate(tones(2, 16_000, channels)):
            found = np.frombuffer(audio.read_pcm(0, 2, channel), "<i2") / 32_768
            assert likeness(found, expected) > 0.999


def test_loud_channels_do_not_wrap_around(tmp_path: Path) -> None:
    loud = np.sign(tones(1, 44_100, 2)[:1]).repeat(2, axis=0)
    source = encode(tmp_path / "a.wav", "wav", "pcm_f32le", loud * 1.5, 44_100)
    info = FFmpegDecoder().decode(source, tmp_path / "a.flac")
    found = soundfile.read(tmp_path / "a.flac", dtype="float64")[0]
    assert likeness(found, np.sign(tones(1, 16_000)[0])) > 0.97
    assert info.clipped_samples > 80_000
    assert info.peak_dbfs == pytest.approx(20 * math.log10(1.5), abs=0.01)


@pytest.mark.parametrize("codec", ["pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_alaw", "pcm_mulaw", "pcm_f32le"])
def test_clipping_is_seen_in_every_width(tmp_path: Path, codec: str) -> None:
    source = encode(tmp_path / "a.wav", "wav", codec, np.clip(tones(1, 8_000) * 9, -1, 1), 8_000)
    assert FFmpegDecoder().decode(source, tmp_path / "a.flac").clipped_samples > 1_000


def test_silence_is_no_error(tmp_path: Path) -> None:
    source = encode(tmp_path / "a.wav", "wav", "pcm_s16le", np.zeros((1, 16_000)), 16_000)
    info = FFmpegDecoder().decode(source, tmp_path / "a.flac")
    assert (info.duration_s, info.peak_dbfs, info.rms_dbfs, info.clipped_samples) == (1.0, -120.0, -120.0, 0)


def test_bytes_of_16_bit_mono_pass_unchanged(samples: Path, tmp_path: Path) -> None:
    FFmpegDecoder().decode(samples / "phrases-1.wav", tmp_path / "a.flac")
    before, after = (soundfile.read(p, dtype="int16")[0] for p in (samples / "phrases-1.wav", tmp_path / "a.flac"))
    assert np.array_equal(before, after)
    with CanonicalAudio(tmp_path / "a.flac") as audio:
        assert audio.read_pcm(1.5, 2.25, 0) == before[24_000:36_000].tobytes()
        assert audio.read_pcm(7, 99, 0) == before[112_000:].tobytes()
        assert audio.read_pcm(99, 100, 0) == b""
        assert np.array_equal(np.concatenate(list(audio.blocks(10_000)))[:, 0], before)
