"""Malformed files: each gives a clear reason, or decodes to finite figures; nothing crashes, hangs, grows or is left.

All are decoded in one process of their own with little memory, so that a crash or growth is seen as such.
"""

import contextlib
import json
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_pipeline.domain.errors import LimitExceeded, PermanentFailure, UnreadableAudio
from asr_pipeline.engines.audio import FFmpegDecoder
from asr_pipeline_tests.engines.audio_files import encode, tones

pytestmark = pytest.mark.engine
MUTATIONS = 200
GROWTH_MIB = 256  # FFmpeg, numpy and one block of samples fit; a file that makes memory grow does not
SECONDS_EACH = 10

DECODE_ALL = """
import json, logging, math, resource, sys, time
from pathlib import Path
from asr_pipeline.domain.errors import PipelineError
from asr_pipeline.engines.audio import FFmpegDecoder
logging.disable()
folder, out = Path(sys.argv[1]), Path(sys.argv[2])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for source in sorted(folder.iterdir()):
    started, reason, finite = time.process_time(), "", True
    print(json.dumps({"starts": source.name}), flush=True)
    try:
        info = FFmpegDecoder(max_duration_s=3600).decode(source, out / "a.flac")
        figures = [info.duration_s, info.peak_dbfs, info.rms_dbfs, *(v for p in info.waveform for v in p)]
        finite = all(math.isfinite(f) for f in figures) and info.duration_s > 0
        (out / "a.flac").unlink()
    except PipelineError as error:
        reason = str(error)
    left = [p.name for p in out.iterdir()]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"name": source.name, "reason": reason, "finite": finite, "left": left, "grown_mib": grown,
        "cpu_s": time.process_time() - started}), flush=True)
"""


def originals(folder: Path) -> dict[str, bytes]:
    """Two seconds of sound in each of the formats that people have."""
    kinds = [
        ("wav", "wav", "pcm_s16le", 16_000),
        ("f32.wav", "wav", "pcm_f32le", 16_000),
        ("flac", "flac", "flac", 44_100),
        ("mp3", "mp3", "libmp3lame", 44_100),
        ("m4a", "mp4", "aac", 44_100),
        ("ogg", "ogg", "libopus", 48_000),
        ("webm", "webm", "libopus", 48_000),
        ("aac", "adts", "aac", 44_100),
        ("aiff", "aiff", "pcm_s16be", 22_050),
    ]
    return {
        suffix: encode(folder / f"a.{suffix}", container, codec, tones(2, rate_hz), rate_hz).read_bytes()
        for suffix, container, codec, rate_hz in kinds
    }


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in one of the ways in which files are damaged."""
    at, size = chance.randrange(len(data)), chance.choice([1, 4, 64, 1024])
    header_at = chance.randrange(min(200, len(data)))
    ways: list[Callable[[], bytes]] = [
        lambda: data[:at],
        lambda: data[at:],
        lambda: data[:at] + data[at + size :],
        lambda: data[:at] + chance.randbytes(size) + data[at + size :],
        lambda: data[:at] + bytes(size) + data[at + size :],
        lambda: data[:header_at] + chance.randbytes(1) + data[header_at + 1 :],
        lambda: data[:header_at] + b"\xff\xff\xff\xff" + data[header_at + 4 :],
        lambda: data[:header_at] + chance.randbytes(8) + data[header_at + 8 :],
        lambda: data[:at] + data,
        lambda: chance.randbytes(at),
    ]
    return chance.choice(ways)()


def decode_all(folder: Path, out: Path) -> list[dict[str, Any]]:
    out.mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", DECODE_ALL, str(folder), str(out)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    lines = [json.loads(line) for line in finished.stdout.splitlines()]
    assert finished.returncode == 0, f"{lines[-1:]} {finished.stderr[-2000:]}"
    assert finished.stderr == ""  # what FFmpeg says goes into the reason, not onto the terminal
    return [line for line in lines if "name" in line]


def test_damaged_files_give_a_reason_or_finite_figures(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (folder := tmp_path / "damaged").mkdir()
    whole, chance = originals(tmp_path / "whole"), random.Random(11)  # noqa: S311 - repeatable, not secret
    for number in range(MUTATIONS):
        suffix = chance.choice(list(whole))
        (folder / f"{number:03}.{suffix}").write_bytes(mutated(whole[suffix], chance))
    results = decode_all(folder, tmp_path / "out")
    assert len(results) == MUTATIONS
    for result in results:
        assert result["finite"], result
        assert result["left"] == [], result
        assert result["cpu_s"] < SECONDS_EACH, result
        assert result["grown_mib"] < GROWTH_MIB, result
        assert not result["reason"] or ("expected" in result["reason"] and result["name"] in result["reason"])
    assert 60 < sum(bool(result["reason"]) for result in results) < 180


def wav(data: bytes, *, claims: int | None = None, rate_hz: int = 16_000, channels: int = 1, bits: int = 16) -> bytes:
    """Make a WAV file whose header may say what is not so."""
    size = len(data) if claims is None else claims
    coding = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz, (rate_hz * 2) % 2**32, (channels * bits // 8) % 2**16, bits
    )
    return (
        struct.pack("<4sI4s", b"RIFF", (size + 36) % 2**32, b"WAVE")
        + coding
        + struct.pack("<4sI", b"data", size)
        + data
    )


PCM = np.arange(64_000, dtype="<i2").tobytes()  # 4 s
REFUSED = {
    "empty.wav": (b"", "an empty file"),
    "text.wav": (b"Dear diary, today I went to the market.\n" * 200, "invalid data"),
    "html.mp3": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>" * 50, "invalid data"),
    "header-only.wav": (wav(b""), ""),
    "truncated.wav": (wav(PCM[:64_000], claims=len(PCM)), "64,000 of 128,000 bytes declared: truncated"),
    "4-gb.wav": (wav(PCM, claims=4_294_000_000), "truncated"),
    "no-channels.wav": (wav(PCM, channels=0), ""),
    "absurd-channels.wav": (wav(PCM, channels=60_000), ""),
    "absurd-rate.wav": (wav(PCM, rate_hz=4_000_000_000), ""),
    "rate-of-one.wav": (wav(PCM, rate_hz=1), "1 Hz"),
    "zeros.mp3": (bytes(100_000), ""),
    "id3-only.mp3": (b"ID3\x04\x00\x00" + bytes([0x7F, 0x7F, 0x7F, 0x7F]) + bytes(50_000), ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_files_are_refused_with_their_reason(tmp_path: Path, name: str) -> None:
    data, reason = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableAudio, match=name) as refused:
        FFmpegDecoder().decode(tmp_path / name, tmp_path / "out" / "a.flac")
    assert reason.lower() in refused.value.found.lower()
    assert refused.value.found
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_that_are_no_numbers_are_refused(tmp_path: Path, value: float, subtype: str) -> None:
    sound = tones(1, 16_000)[0]
    sound[9_000] = value
    with np.errstate(over="ignore"):
        soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype=subtype)
    with pytest.raises(UnreadableAudio, match="no numbers"):
        FFmpegDecoder().decode(tmp_path / "a.wav", tmp_path / "a.flac")


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_streamed_wav_whose_length_was_never_filled_in_is_decoded(tmp_path: Path, size: int) -> None:
    (tmp_path / "a.wav").write_bytes(wav(PCM, claims=size))
    assert FFmpegDecoder().decode(tmp_path / "a.wav", tmp_path / "a.flac").duration_s == 4


def test_wav_that_holds_more_than_it_claims_is_decoded_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(b"\x01\x00" * 64_000, claims=16_000))
    assert FFmpegDecoder().decode(tmp_path / "a.wav", tmp_path / "a.flac").duration_s == 4


@pytest.mark.parametrize(
    ("suffix", "container", "codec"),
    [("flac", "flac", "flac"), ("mp3", "mp3", "libmp3lame"), ("webm", "webm", "libopus")],
)
def test_half_a_file_is_truncated_not_short(tmp_path: Path, suffix: str, container: str, codec: str) -> None:
    whole = encode(tmp_path / f"a.{suffix}", container, codec, tones(6, 48_000), 48_000)
    half = tmp_path / f"half.{suffix}"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(UnreadableAudio, match="truncated"):
        FFmpegDecoder().decode(half, tmp_path / "a.flac")


def test_a_slow_wav_that_lost_most_of_itself_is_truncated(tmp_path: Path) -> None:
    head = b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    (tmp_path / "slow.wav").write_bytes(head + b"data" + struct.pack("<I", 4 * 8000) + bytes([128, 160]) * 50)
    with pytest.raises(UnreadableAudio, match="truncated"):
        FFmpegDecoder().decode(tmp_path / "slow.wav", tmp_path / "a.flac")


def test_deep_id3_tag_is_passed_over(tmp_path: Path) -> None:
    sound = encode(tmp_path / "a.mp3", "mp3", "libmp3lame", tones(3, 44_100), 44_100).read_bytes()
    size = 20 * 2**20
    length = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    (tmp_path / "deep.mp3").write_bytes(b"ID3\x04\x00\x00" + length + bytes(size) + sound)
    info = FFmpegDecoder().decode(tmp_path / "deep.mp3", tmp_path / "a.flac")
    assert info.duration_s == pytest.approx(3, abs=0.08)


def test_one_damaged_frame_costs_little_more_than_itself(tmp_path: Path) -> None:
    data = bytearray(encode(tmp_path / "a.mp3", "mp3", "libmp3lame", tones(10, 44_100), 44_100).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 300] = os.urandom(1) * 300
    (tmp_path / "b.mp3").write_bytes(data)
    info = FFmpegDecoder().decode(tmp_path / "b.mp3", tmp_path / "a.flac")
    assert info.duration_s == pytest.approx(10, abs=0.3)


def _refusal(source: Path, out: Path) -> str:
    with pytest.raises(UnreadableAudio) as refused:
        FFmpegDecoder().decode(source, out / "a.flac")
    assert not (out / "a.flac").exists()
    return refused.value.found


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "link.wav").symlink_to(tmp_path / "gone.wav")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    assert "pipe" in _refusal(tmp_path / "pipe.wav", tmp_path)
    assert "folder" in _refusal(tmp_path / "folder.wav", tmp_path)
    assert _refusal(tmp_path / "link.wav", tmp_path) == "a broken link"
    assert "link" in _refusal(tmp_path / "loop.wav", tmp_path)
    assert _refusal(tmp_path / "nothing.wav", tmp_path) == "nothing"
    assert "device" in _refusal(Path("/dev/zero"), tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(PCM))
    (tmp_path / "a.wav").chmod(0)
    assert "may not be read" in _refusal(tmp_path / "a.wav", tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile '{other}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 49170 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD><Period><BaseURL>{other}</BaseURL></Period></MPD>',
    ],
    ids=["concat", "hls", "sdp", "dash"],
)
@pytest.mark.parametrize("suffix", ["wav", "m3u8", "ffconcat", "sdp", "mpd"])
def test_file_that_names_another_is_not_followed(tmp_path: Path, text: str, suffix: str) -> None:
    (tmp_path / "other.wav").write_bytes(wav(PCM))
    (tmp_path / f"list.{suffix}").write_text(text.format(other=tmp_path / "other.wav"))
    _refusal(tmp_path / f"list.{suffix}", tmp_path)


def test_limits_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(PCM))
    with pytest.raises(LimitExceeded, match="3 s"):
        FFmpegDecoder(max_duration_s=3).decode(tmp_path / "a.wav", tmp_path / "a.flac")
    with pytest.raises(LimitExceeded, match="1,000 bytes"):
        FFmpegDecoder(max_size_bytes=1_000).decode(tmp_path / "a.wav", tmp_path / "a.flac")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.fault
def test_full_disk_is_transient_and_leaves_nothing(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(1).uniform(-0.9, 0.9, 320_000), 16_000)
    program = (
        "import resource, sys; from pathlib import Path; from asr_pipeline.engines.audio import FFmpegDecoder\n"
        "from asr_pipeline.domain.errors import StorageFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: FFmpegDecoder().decode(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except StorageFull as full: print('full:', full)\n"
    )
    out = tmp_path / "out" / "a.flac"
    command = [sys.executable, "-c", program, str(tmp_path / "a.wav"), str(out)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert finished.stdout.startswith("full:"), finished.stderr
    assert list(out.parent.iterdir()) == []


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from(
        [b"", wav(PCM)[:44], b"fLaC", b"OggS\x00\x02", b"ID3\x04", b"\xff\xfb\x90\x00", b"\x1aE\xdf\xa3"]
    ),
    tail=st.binary(max_size=4_000),
)
def test_any_bytes_decode_or_are_refused(tmp_path: Path, head: bytes, tail: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(head + tail)
    with contextlib.suppress(PermanentFailure):  # with a reason: its constructor asks for one
        assert FFmpegDecoder(max_duration_s=600).decode(tmp_path / "a.bin", tmp_path / "a.flac").duration_s > 0
